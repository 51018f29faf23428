/** What the owner of a feed must hear, and go on hearing until it is over. */
import type { OwnStore } from '../exchange/store/index.ts';
import { ownValue } from './own-json.ts';

export interface Alert {
  readonly code: 'key-elsewhere' | 'policy-broken';
  /** ISO 8601. */
  readonly at: string;
  readonly message: string;
}

const PREFIX = 'alert/';

/** The same alert is kept once, with its newest time. */
export async function raiseAlert(store: Pick<OwnStore, 'notes'>, alert: Alert): Promise<void> {
  await store.notes.put(PREFIX + alert.code, alert);
}

export async function alerts(store: Pick<OwnStore, 'notes'>): Promise<readonly Alert[]> {
  return (await store.notes.list(PREFIX)).map(([, value]) => ownValue<Alert>(value));
}

/** Of the policy file, as long as it cannot be read: nothing of it is stored, for the file itself tells when it is over. */
export function policyAlert(broken: string | undefined, at: Date): readonly Alert[] {
  if (broken === undefined) return [];
  const message = `${broken}; until it reads, what stood there before counts, and nothing is automatic (portalgun policy check)`;
  return [{ code: 'policy-broken', at: at.toISOString(), message }];
}

/** The key has been changed: whoever had the old one signs nothing more. */
export async function endAlert(store: Pick<OwnStore, 'notes'>, code: Alert['code']): Promise<void> {
  await store.notes.delete(PREFIX + code);
}
