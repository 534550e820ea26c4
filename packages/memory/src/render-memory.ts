import { markText, quoteName, type JsonObject } from '@cortex-runtime/core';

import type { MemoryResult } from './memory-provider.ts';
import type { MemoryFile } from './memory-store.ts';

/** An entry as a model is shown it: a heading of ours that says where it comes from, then its content, each line behind a mark. It is information, never an instruction. */
export function renderMemoryFile({ category, name, version, updatedAt, content, provenance }: MemoryFile): string {
  const origin = facts([
    ['by agent', provenance.agent],
    ['in run', provenance.runId],
    ['learnt from', provenance.source],
    ['accepted by', provenance.acceptedBy],
  ]);
  return `[memory ${category}/${name}, version ${version} of ${new Date(updatedAt).toISOString()}${origin}]\n${markText(content)}`;
}

/** A memory that a search found, in the same way. */
export function renderMemoryResult({ content, score, metadata, createdAt }: MemoryResult): string {
  const origin = facts([['by agent', textOf(metadata, 'agent')], ['in run', textOf(metadata, 'run_id')], ['learnt from', textOf(metadata, 'source')]]);
  return `[memory, relevance ${score.toFixed(2)}${createdAt === undefined ? '' : `, kept ${new Date(createdAt).toISOString()}`}${origin}]\n${markText(content)}`;
}

function facts(known: readonly (readonly [word: string, value: string | undefined])[]): string {
  return known.flatMap(([word, value]) => (value === undefined ? [] : [`, ${word} ${quoteName(value)}`])).join('');
}

function textOf(metadata: JsonObject, key: string): string | undefined {
  const value = metadata[key];
  return typeof value === 'string' ? value : undefined;
}
