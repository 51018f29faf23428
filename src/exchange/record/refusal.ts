/** Why bytes from outside are not a record. A value, not an exception: bad input is an everyday thing. */
import type { RefusalReason } from './types.ts';

export interface Refusal {
  readonly refused: RefusalReason;
  /** One sentence for a person: which thing, what about it. Holds no text of the sender's that was not checked. */
  readonly detail: string;
}

export function refuse(refused: RefusalReason, detail: string): Refusal {
  return { refused, detail };
}

export function isRefusal(value: object): value is Refusal {
  return 'refused' in value;
}
