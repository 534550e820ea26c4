/**
 * Lanes for single pieces of work that must not be carried out twice: the server remembers what each lane did last, so a lane has one piece of work under way, until its
 * outcome is known or nobody asks for it any more. There are as many as there was ever work at once.
 */
export class Lanes {
  readonly #free: number[] = [];
  #made = 0;

  async run<T>(work: (lane: number) => Promise<T>): Promise<T> {
    const lane = this.#free.pop() ?? this.#made++;
    try {
      return await work(lane);
    } finally {
      this.#free.push(lane);
    }
  }
}
