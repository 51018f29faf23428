/** Seeded randomness (sfc32): one number gives the whole run again. */
export interface Random {
  /** 0 to 1. */
  (): number;
  /** 0 to `below` - 1. */
  int(below: number): number;
  between(low: number, high: number): number;
  chance(probability: number): boolean;
  pick<T>(list: readonly T[]): T;
  /** `count` different ones, in random order. */
  some<T>(list: readonly T[], count: number): T[];
  bytes(length: number): Uint8Array;
  /** A source of its own, that depends on nothing but this seed and the name. */
  named(name: string): Random;
}

export function createRandom(seed: number, name = ''): Random {
  let [a, b, c, counter] = [seed | 0, hash(name), 0x9e3779b9 | 0, 1];
  const next = (): number => {
    const t = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + t;
    c |= 0;
    return (t >>> 0) / 2 ** 32;
  };
  for (let n = 0; n < 12; n += 1) next();
  const int = (below: number): number => Math.floor(next() * below);
  return Object.assign(next, {
    int,
    between: (low: number, high: number) => low + next() * (high - low),
    chance: (probability: number) => next() < probability,
    pick<T>(list: readonly T[]): T {
      const item = list[int(list.length)];
      if (item === undefined) throw new Error('nothing to pick from');
      return item;
    },
    some<T>(list: readonly T[], count: number): T[] {
      const rest = [...list];
      return Array.from({ length: Math.min(count, rest.length) }, () => rest.splice(int(rest.length), 1)).flat();
    },
    bytes: (length: number) => Uint8Array.from({ length }, () => int(256)),
    named: (inner: string) => createRandom(seed, `${name}/${inner}`),
  });
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193);
  return value | 0;
}
