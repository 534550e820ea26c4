import { agentManifestJsonSchema } from '@cortex-runtime/manifest';

interface JsonSchema {
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  anyOf?: JsonSchema[];
  items?: JsonSchema;
  properties?: Record<string, JsonSchema>;
  additionalProperties?: JsonSchema | boolean;
  default?: unknown;
  description?: string;
  pattern?: string;
}

/** The table of manifest fields for docs/manifest.md, made from the schema, so that it can not say anything else. */
export function manifestFieldTables(): string {
  const root = agentManifestJsonSchema() as JsonSchema;
  const sections: string[] = [];
  const rootRows: string[] = [];
  for (const [name, field] of Object.entries(root.properties ?? {})) {
    rootRows.push(row(name, field));
    const nested = nestedOf(field);
    if (nested.length > 0) sections.push(`## \`${name}\`\n\n${nested.map(({ title, schema }) => `${title === '' ? '' : `${title}\n\n`}${table(schema)}`).join('\n\n')}`);
  }
  return [`## The root\n\n${head}\n${rootRows.join('\n')}`, ...sections].join('\n\n');
}

const head = '| field | type | default | |\n|---|---|---|---|';

function table(schema: JsonSchema): string {
  return `${head}\n${Object.entries(schema.properties ?? {}).map(([name, field]) => row(name, field)).join('\n')}`;
}

function row(name: string, field: JsonSchema): string {
  const fallback = field.default === undefined || isEmpty(field.default) || typeof field.default === 'object' ? '' : `\`${JSON.stringify(field.default)}\``;
  return `| \`${name}\` | ${typeOf(field)} | ${fallback} | ${(field.description ?? '').replaceAll('|', '\\|')} |`;
}

const isEmpty = (value: unknown) => typeof value === 'object' && value !== null && Object.keys(value).length === 0;

function nestedOf(field: JsonSchema): { title: string; schema: JsonSchema }[] {
  if (field.properties !== undefined) return [{ title: '', schema: field }];
  if (field.items?.properties !== undefined) return [{ title: 'Of each item:', schema: field.items }];
  const values = typeof field.additionalProperties === 'object' ? field.additionalProperties : undefined;
  if (values?.properties !== undefined) return [{ title: 'Of each entry:', schema: values }];
  const options = values?.anyOf ?? [];
  return options.flatMap((schema) => (schema.properties === undefined ? [] : [{ title: `With \`${Object.keys(schema.properties)[0] ?? ''}\`:`, schema }]));
}

function typeOf(field: JsonSchema): string {
  if (field.const !== undefined) return `\`${JSON.stringify(field.const)}\``;
  if (field.enum !== undefined) return field.enum.map((value) => `\`${String(value)}\``).join(' ');
  if (field.anyOf !== undefined) {
    if (field.anyOf.some((option) => isDurationText(option))) return 'duration';
    // A number or a switch may also be a reference, as the page says once.
    const options = field.anyOf.filter((option) => !isReference(option));
    return [...new Set((options.length === 0 ? field.anyOf : options).map(typeOf))].join(' or ');
  }
  if (field.type === 'array') return `list of ${field.items === undefined ? 'anything' : typeOf(field.items)}`;
  if (field.type === 'object') return 'map';
  return { string: 'text', integer: 'whole number', number: 'number', boolean: 'true or false' }[String(field.type)] ?? 'anything';
}

const isDurationText = (option: JsonSchema): boolean => option.pattern?.includes('(ms|s|m|h|d)') === true || option.anyOf?.some(isDurationText) === true;
const isReference = (option: JsonSchema): boolean => option.type === 'string' && option.enum === undefined && option.pattern?.includes('\\{') === true;
