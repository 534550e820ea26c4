/** The fields that a loose schema names, without "and whatever else". */
export type KnownFields<T> = { [K in keyof T as string extends K ? never : K]: T[K] };
