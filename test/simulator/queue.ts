/** What will happen, in order of time; at one time, in the order in which it was put in. A binary heap. */
export interface Event {
  readonly at: number;
  readonly run: () => Promise<void> | void;
}

export class Queue {
  readonly #heap: { readonly event: Event; readonly order: number }[] = [];
  #order = 0;

  get size(): number {
    return this.#heap.length;
  }

  get nextAt(): number {
    return this.#heap[0]?.event.at ?? Number.POSITIVE_INFINITY;
  }

  push(event: Event): void {
    const heap = this.#heap;
    heap.push({ event, order: (this.#order += 1) });
    let at = heap.length - 1;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (!this.#isBefore(at, parent)) break;
      this.#swap(at, parent);
      at = parent;
    }
  }

  pop(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined) return undefined;
    if (heap.length > 0) {
      heap[0] = last;
      for (let at = 0; ;) {
        const [left, right] = [2 * at + 1, 2 * at + 2];
        let least = at;
        if (left < heap.length && this.#isBefore(left, least)) least = left;
        if (right < heap.length && this.#isBefore(right, least)) least = right;
        if (least === at) break;
        this.#swap(at, least);
        at = least;
      }
    }
    return first.event;
  }

  #isBefore(a: number, b: number): boolean {
    const [one, other] = [this.#heap[a], this.#heap[b]];
    if (one === undefined || other === undefined) throw new Error('outside of the heap');
    return one.event.at - other.event.at < 0 || (one.event.at === other.event.at && one.order < other.order);
  }

  #swap(a: number, b: number): void {
    const [one, other] = [this.#heap[a], this.#heap[b]];
    if (one === undefined || other === undefined) throw new Error('outside of the heap');
    this.#heap[a] = other;
    this.#heap[b] = one;
  }
}
