import type { RootedFolder } from '../file/rooted-folder.ts';
import { ProposalRecord, type ProposalStatus, type ProposalStore } from './memory-proposal.ts';

const folderName = '_proposed';
const maxRecordBytes = 1024 * 1024;
const filePattern = /^([0-9a-z-]{1,64})\.(\d{1,6})\.json$/;

/** Proposals beside the memories: `_proposed/<id>.<revision>.json`. A revision is claimed, so that two who decide at once do not both succeed. */
export class FileProposalStore implements ProposalStore {
  readonly #folder: RootedFolder;

  constructor(deps: { folder: RootedFolder }) {
    this.#folder = deps.folder;
  }

  async put(record: ProposalRecord): Promise<boolean> {
    const newest = (await this.#revisions()).get(record.proposalId) ?? 0;
    if (newest !== record.revision - 1) return false;
    return this.#folder.claim([folderName, `${record.proposalId}.${record.revision}.json`], Buffer.from(`${JSON.stringify(record, null, 2)}\n`));
  }

  async get(proposalId: string): Promise<ProposalRecord | undefined> {
    const revision = (await this.#revisions()).get(proposalId);
    return revision === undefined ? undefined : this.#read(proposalId, revision);
  }

  async list(status?: ProposalStatus): Promise<ProposalRecord[]> {
    const records: ProposalRecord[] = [];
    for (const [proposalId, revision] of await this.#revisions()) {
      const record = await this.#read(proposalId, revision);
      if (record !== undefined && (status === undefined || record.status === status)) records.push(record);
    }
    return records.sort((a, b) => a.proposedAt - b.proposedAt || (a.proposalId < b.proposalId ? -1 : 1));
  }

  async #revisions(): Promise<Map<string, number>> {
    const newest = new Map<string, number>();
    for (const { name } of await this.#folder.list([folderName])) {
      const [, proposalId = '', revision = '0'] = filePattern.exec(name) ?? [];
      if (proposalId !== '') newest.set(proposalId, Math.max(newest.get(proposalId) ?? 0, Number(revision)));
    }
    return newest;
  }

  async #read(proposalId: string, revision: number): Promise<ProposalRecord | undefined> {
    const bytes = await this.#folder.read([folderName, `${proposalId}.${revision}.json`], maxRecordBytes);
    return bytes === undefined ? undefined : ProposalRecord.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  }
}
