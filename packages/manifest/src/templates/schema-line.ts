/** The comment by which editors with a YAML language server find the schema. */
export const schemaLine = '# yaml-language-server: $schema=https://unpkg.com/@cortex-runtime/manifest/agent.schema.json';
