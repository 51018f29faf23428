/**
 * What two sets differ in, found with few bytes: range-based set reconciliation, negentropy protocol version 1.
 *
 * Promises: messages are those of the published protocol, so that another implementation understands them; work and memory
 * are bounded by the own set and the message's length, whatever the message says. Never: does I/O, or knows what the items
 * are.
 */
export { ID_BYTES } from './bound.ts';
export { ItemSet, type Item } from './item-set.ts';
export { answerMessage, Reconciliation, type Reconciled } from './reconciliation.ts';
