/** Compares ids of entries, `<milliseconds>-<number>`. */
export function isLess(a: string, b: string): boolean {
  if (a.length === b.length && a.indexOf('-') === b.indexOf('-')) return a < b;
  const [aMs = '0', aSeq = '0'] = a.split('-');
  const [bMs = '0', bSeq = '0'] = b.split('-');
  return Number(aMs) - Number(bMs) < 0 || (aMs === bMs && Number(aSeq) < Number(bSeq));
}

/** The lowest and the highest id. */
export function idRange(messages: readonly { readonly msgId: string }[]): [string, string] {
  let [low, high] = [messages[0]?.msgId ?? '-', messages[0]?.msgId ?? '+'];
  for (const { msgId } of messages) {
    if (isLess(msgId, low)) low = msgId;
    if (isLess(high, msgId)) high = msgId;
  }
  return [low, high];
}
