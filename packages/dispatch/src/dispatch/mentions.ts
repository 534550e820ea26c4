/** Mentions that a message may hold; more are passed over. */
const maxMentions = 50;

/** `@forge` and the like, not within a word or an address. */
const mention = /(?<![\w@.])@([A-Za-z0-9][A-Za-z0-9._-]{0,127})/g;

/** Whom a text mentions, in order, without `@`. For channels that do not say it themselves. */
export function mentionsIn(text: string): string[] {
  const found = new Set<string>();
  for (const [, name = ''] of text.slice(0, 20_000).matchAll(mention)) {
    found.add(bareName(name));
    if (found.size === maxMentions) break;
  }
  return [...found];
}

/** The name in a mention as people and channels write it: `@Forge`, `<@forge>`, `forge:`, ` forge, `. Capitals are left to the registry. */
export function bareName(mention: string): string {
  return mention.trim().replace(/^[<@\s]+/, '').replace(/[>\s.,:;!?)\]]+$/, '');
}
