/** What the tests of a store put in, and what it says of it. */
import assert from 'node:assert/strict';
import { currentKey, type Admission, type VerifiedRecord } from '../../../src/exchange/record/index.ts';
import type { OwnStore } from '../../../src/exchange/store/index.ts';
import type { Chain } from '../record/keys.ts';

export const everybody = { follows: () => true };
export const bytes = (records: readonly VerifiedRecord[]) => records.map(({ envelope }) => envelope);
export const results = (admissions: readonly Admission[]) => admissions.map(({ result }) => result);

export function assertRefused(admission: Admission, reason: string): void {
  assert.equal(admission.result, 'refused', JSON.stringify(admission));
  assert.equal(admission.result === 'refused' ? admission.reason : '', reason);
}

/** As results, with the reason of a refusal in its place. */
export const reasons = (admissions: readonly Admission[]) =>
  admissions.map((one) => (one.result === 'refused' ? one.reason : one.result));

/** What a store holds of a feed that changes keys. */
export async function contents(store: OwnStore, { author }: Chain): Promise<unknown> {
  const records = await store.range(author, 'public', 0, 1000);
  const types: string[] = [];
  for (const kind of ['withdrawal', 'key'] as const) for await (const { id } of store.all(kind)) types.push(id);
  return {
    ids: records.map(({ id }) => id),
    byType: types.toSorted(),
    head: await store.head(author, 'public'),
    key: currentKey(store.keysOf(author, 'public')),
    frozen: (await store.frozen()).length,
  };
}
