/**
 * The asking side of a protocol, apart from the network: what to send next, and what to do with each frame that comes.
 * Whoever has a network (`converse` in wire.ts, or a simulator) asks for the next step, sends it, and hands in the answer.
 */
export type Step<Result> = { readonly ask: Uint8Array } | { readonly done: Result };

export interface Conversation<Result> {
  readonly protocol: string;
  /** Bytes that one answer may have, all together. */
  readonly answerMaxBytes: number;
  /** Called at the start and after each answer. Rejects where the conversation cannot go on. */
  next(): Promise<Step<Result>>;
  /** One frame of the answer, in order. Rejects to leave the peer in the middle of it. */
  frame(bytes: Uint8Array): Promise<void>;
  /** The stream broke before the answer's end. Throws where that is the end of the conversation. */
  broke(error: Error): void;
}
