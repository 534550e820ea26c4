import type { Reply } from './redis-connection.ts';

/** An entry of a stream, as we and the Python library write it: `type` and `payload`; older examples say `msg_type`. */
export interface Entry {
  msgId: string;
  msgType: string;
  /** Undefined when the entry has none: not a message. */
  payload: Buffer | undefined;
  /** The only group that it is for. */
  group: string | undefined;
  /** Digest of the deduplication id. */
  dedupDigest: string | undefined;
}

/** @param fields - name, value, name, value …; null when the entry was deleted */
export function decodeEntry(id: Reply, fields: Reply): Entry | undefined {
  if (!Array.isArray(fields)) return undefined;
  const entry: Entry = { msgId: String(id), msgType: '', payload: undefined, group: undefined, dedupDigest: undefined };
  let hasType = false;
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const value = fields[index + 1] as Buffer;
    switch (String(fields[index])) {
      case 'payload':
        entry.payload = value;
        break;
      case 'type':
        entry.msgType = value.toString();
        hasType = true;
        break;
      case 'msg_type':
        if (!hasType) entry.msgType = value.toString();
        break;
      case 'group':
        entry.group = value.toString();
        break;
      case 'dedup':
        entry.dedupDigest = value.toString();
        break;
      default: // other libraries may add fields of their own
    }
  }
  return entry;
}

/** A payload as the client takes it. */
export function payloadText(payload: Uint8Array | string): string | Buffer {
  return typeof payload === 'string' ? payload : Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
}
