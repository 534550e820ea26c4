/** What a manifest may not exceed. Everything is checked before a tree is built, so that a hostile file costs milliseconds. */
export const manifestLimits = {
  /** Bytes of the file. */
  maxBytes: 256 * 1024,
  /** Lexical tokens: words, indicators, blanks, line ends. A block of instructions is one. */
  maxTokens: 20_000,
  /** Nested maps and lists. */
  maxDepth: 64,
  /** Anchors (`&name`). */
  maxAnchors: 64,
  /** Aliases (`*name`). */
  maxAliases: 64,
  /** Values after aliases are expanded. */
  maxValues: 20_000,
} as const;
