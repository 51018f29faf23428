/** Placeholder until recipe's vocabulary is there. */
import type { Step } from '../../../recipe/types.ts';
import { Fields } from './fields.ts';

export function checkStep(value: unknown, where: string): asserts value is Step {
  new Fields(value, where).name('id');
}
