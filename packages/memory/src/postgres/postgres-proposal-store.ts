import { z } from 'zod';

import { ProposalRecord, type ProposalStatus, type ProposalStore } from '../proposals/memory-proposal.ts';
import { assertIdentifier, migrate, type PostgresPool } from './postgres-pool.ts';

/** Where the proposals lie. */
export const PostgresProposalStoreOptions = z.strictObject({
  /** Proposals of different scopes, such as organisations, see nothing of each other. */
  scope: z.string().max(200).default(''),
  /** The schema of the table; it must exist. */
  schema: z.string().default('public'),
});
export type PostgresProposalStoreOptions = z.input<typeof PostgresProposalStoreOptions>;

/** Proposals in PostgreSQL. */
export class PostgresProposalStore implements ProposalStore {
  readonly #pool: PostgresPool;
  readonly #scope: string;
  readonly #table: string;

  private constructor(pool: PostgresPool, { scope, schema }: z.output<typeof PostgresProposalStoreOptions>) {
    this.#pool = pool;
    this.#scope = scope;
    this.#table = `${assertIdentifier(schema, 'schema')}.cortex_memory_proposals`;
  }

  /** Makes the table when it is not there. */
  static async open(deps: { pool: PostgresPool }, options: PostgresProposalStoreOptions = {}): Promise<PostgresProposalStore> {
    const store = new PostgresProposalStore(deps.pool, PostgresProposalStoreOptions.parse(options));
    await migrate(deps.pool, `create table if not exists ${store.#table} (
      scope text not null, proposal_id text not null, revision int not null, status text not null, proposed_at bigint not null, record json not null, primary key (scope, proposal_id));`);
    return store;
  }

  async put(record: ProposalRecord): Promise<boolean> {
    const { rowCount } = await this.#pool.query(
      record.revision === 1
        ? `insert into ${this.#table} (scope, proposal_id, revision, status, proposed_at, record) values ($1, $2, $3, $4, $5, $6) on conflict do nothing`
        : `update ${this.#table} set revision = $3, status = $4, proposed_at = $5, record = $6 where scope = $1 and proposal_id = $2 and revision = $3 - 1`,
      [this.#scope, record.proposalId, record.revision, record.status, record.proposedAt, JSON.stringify(record)],
    );
    return rowCount === 1;
  }

  async get(proposalId: string): Promise<ProposalRecord | undefined> {
    const { rows } = await this.#pool.query(`select record from ${this.#table} where scope = $1 and proposal_id = $2`, [this.#scope, proposalId]);
    return rows[0] === undefined ? undefined : ProposalRecord.parse(rows[0]['record']);
  }

  async list(status?: ProposalStatus): Promise<ProposalRecord[]> {
    const { rows } = await this.#pool.query(`select record from ${this.#table} where scope = $1 and ($2::text is null or status = $2) order by proposed_at, proposal_id`, [this.#scope, status ?? null]);
    return rows.map(({ record }) => ProposalRecord.parse(record));
  }
}
