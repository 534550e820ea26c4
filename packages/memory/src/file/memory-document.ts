import { MemoryProvenance, type MemoryVersion } from '../memory-store.ts';

/** What stands in the front matter of a memory's file, where it is known. */
export type MemoryDocument = Pick<MemoryVersion, 'content'> & Partial<Pick<MemoryVersion, 'version' | 'createdAt' | 'updatedAt' | 'provenance' | 'isDeleted'>>;

const provenanceFields = { agent: 'agent', runId: 'run', source: 'source', proposalId: 'proposal', acceptedBy: 'accepted_by', writeId: 'write_id' } as const;

/** Markdown with front matter. Texts are quoted as in JSON, which YAML reads as well. */
export function formatMemoryDocument(version: MemoryVersion): string {
  const lines = [
    '---',
    `category: ${version.category}`,
    `name: ${JSON.stringify(version.name)}`,
    `version: ${version.version}`,
    `created_at: ${new Date(version.createdAt).toISOString()}`,
    `updated_at: ${new Date(version.updatedAt).toISOString()}`,
  ];
  for (const [field, key] of Object.entries(provenanceFields) as [keyof typeof provenanceFields, string][]) {
    const fact = version.provenance[field];
    if (fact !== undefined) lines.push(`${key}: ${JSON.stringify(fact)}`);
  }
  if (version.isDeleted) lines.push('deleted: true');
  return `${lines.join('\n')}\n---\n\n${version.content}\n`;
}

/**
 * Reads a file that {@link formatMemoryDocument} wrote, or one that a person wrote: without front matter all of it is content, unknown and unreadable lines of the
 * front matter are passed over, and one line break at the end belongs to the file.
 */
export function parseMemoryDocument(text: string): MemoryDocument {
  const plain = text.startsWith('\uFEFF') ? text.slice(1) : text;
  const found = /^---(\r?\n)([\s\S]{0,20000}?)\1---[ \t]*(?:\1|$)\1?/.exec(plain);
  const body = found === null ? plain : plain.slice(found[0].length);
  const content = body.replace(found?.[1] === '\n' ? /\n$/ : /\r?\n$/, '');
  if (found === null) return { content };
  const facts = new Map<string, unknown>();
  for (const line of (found[2] ?? '').split(/\r?\n/)) {
    const pair = /^([a-z_]{1,40}):[ \t]*(.*)$/s.exec(line);
    if (pair !== null) facts.set(pair[1] as string, readScalar((pair[2] as string).trim()));
  }
  const version = facts.get('version');
  const provenance: MemoryProvenance = {};
  for (const [field, key] of Object.entries(provenanceFields) as [keyof typeof provenanceFields, string][]) {
    const fact = facts.get(key);
    if (fact !== undefined && MemoryProvenance.shape[field].safeParse(fact).success) provenance[field] = fact as string;
  }
  return {
    content,
    ...(typeof version === 'number' && Number.isSafeInteger(version) && version > 0 ? { version } : {}),
    ...timeFact('createdAt', facts.get('created_at')),
    ...timeFact('updatedAt', facts.get('updated_at')),
    provenance,
    isDeleted: facts.get('deleted') === true,
  };
}

function readScalar(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function timeFact<K extends string>(key: K, value: unknown): Partial<Record<K, number>> {
  const time = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return (Number.isNaN(time) ? {} : { [key]: time }) as Partial<Record<K, number>>;
}
