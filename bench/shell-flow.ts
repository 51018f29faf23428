/**
 * One flow for three tools: from power-on of GRUB's rescue CD to its shell, 200 characters typed, their result read, the
 * machine switched off.
 */
import type { StartOptions } from '../src/workshop/machine/types.ts';

const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** 200 characters whose result is not among them. */
const BEGINNING = 'set n=42; echo ';
const END = '-$n';
export const LINE = BEGINNING + LETTERS.repeat(6).slice(0, 200 - BEGINNING.length - END.length) + END;
/** What the guest says, and the typed line does not. */
export const RESULT = `${LINE.slice(-END.length - 8, -END.length)}-42`;

export interface Flow {
  /** Verified before any tool gets it. */
  readonly iso: string;
  readonly accelerator: StartOptions['accelerator'];
  /** For whatever a run makes: its own, empty. */
  readonly folder: string;
}
