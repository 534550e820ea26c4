/** A text is not a YAML document that we take; `offset` is where in the text. Turned into a ManifestError, which knows the file. */
export class YamlProblem extends Error {
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}
