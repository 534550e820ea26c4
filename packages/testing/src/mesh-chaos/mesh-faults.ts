import type { Random } from '@cortex-runtime/core';

/** What is done to the mesh. */
export type MeshFaultKind =
  | 'kill-worker' | 'pause-worker' | 'deploy-worker'
  | 'kill-submitter' | 'pause-submitter'
  | 'reset-connections' | 'cut-replies' | 'half-open' | 'refuse-connections' | 'slow-network'
  | 'kill-redis' | 'pause-redis' | 'kill-clients' | 'flush-scripts'
  /** The machine of the server goes down: it comes back without what it has written last. Only where that is not promised to stay. */
  | 'lose-writes'
  /** Somebody empties the server. */
  | 'flush-all';

export interface MeshFault {
  readonly kind: MeshFaultKind;
  /** Share of the outcomes that are known when it strikes. */
  readonly at: number;
  /** Which process it hits: 0 ≤ pick < 1. */
  readonly pick: number;
  /** 0 ≤ strength < 1: how long it lasts, of what is usual for its kind. */
  readonly strength: number;
}

/** How often each kind comes, beside the others. */
const weights: Record<MeshFaultKind, number> = {
  'kill-worker': 4, 'pause-worker': 3, 'deploy-worker': 3,
  'kill-submitter': 2, 'pause-submitter': 1,
  'reset-connections': 3, 'cut-replies': 4, 'half-open': 1, 'refuse-connections': 1, 'slow-network': 1,
  'kill-redis': 3, 'pause-redis': 1, 'kill-clients': 2, 'flush-scripts': 1,
  'lose-writes': 2, 'flush-all': 1,
};

export const meshFaultKinds = Object.keys(weights) as MeshFaultKind[];

/** Draws when what happens. Each kind comes once before chance decides, as far as there are enough. */
export function planMeshFaults(random: Random, count: number, kinds: readonly MeshFaultKind[]): MeshFault[] {
  const sum = kinds.reduce((total, kind) => total + weights[kind], 0);
  const draw = (): MeshFaultKind => {
    let left = random.next() * sum;
    return kinds.find((kind) => (left -= weights[kind]) < 0) ?? 'kill-worker';
  };
  const shuffled = kinds.map((kind) => ({ kind, order: random.next() })).sort((a, b) => a.order - b.order).map(({ kind }) => kind);
  const moments = Array.from({ length: count }, () => random.next() * 0.97).sort((a, b) => a - b);
  const drawn = moments.map((_, index) => shuffled[index] ?? draw());
  // The kinds that must come are spread over the run.
  const places = drawn.map((kind) => ({ kind, order: random.next() })).sort((a, b) => a.order - b.order);
  return moments.map((at, index) => ({ kind: places[index]?.kind ?? 'kill-worker', at, pick: random.next(), strength: random.next() }));
}
