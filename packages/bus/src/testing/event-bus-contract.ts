export function describeEventBusContract(): void {}
