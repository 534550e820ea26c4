/** Shorter values are not secrets worth the name, and would turn every line into gaps. */
const minSecretLength = 6;

/** A function that takes `values`, and what base64 and URL encoding make of them, out of a text. */
export function scrubValues(values: Iterable<string>): (text: string) => string {
  const forms = new Set<string>();
  for (const value of values) {
    if (value.length < minSecretLength) continue;
    for (const form of [value, encodeURIComponent(value), JSON.stringify(value).slice(1, -1), ...base64Forms(value)]) forms.add(form);
  }
  const longestFirst = [...forms].sort((a, b) => b.length - a.length);
  return (text) => longestFirst.reduce((rest, form) => rest.replaceAll(form, '[secret]'), text);
}

/** What the value looks like inside base64, wherever in the encoded text it stands: its place modulo 3 decides. */
function base64Forms(value: string): string[] {
  const bytes = Buffer.from(value);
  const forms: string[] = [];
  for (const before of [0, 1, 2]) {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64').replaceAll('=', '');
    const first = Math.ceil((before * 8) / 6);
    const last = Math.floor(((before + bytes.length) * 8) / 6);
    const own = text.slice(first, last);
    if (own.length >= minSecretLength) forms.push(own, own.replaceAll('+', '-').replaceAll('/', '_'));
  }
  return forms;
}
