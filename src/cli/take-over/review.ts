/** What a person did by hand, shown to them as steps before it is used: hidden places asked for, steps edited. */
import { describeAct, describeCondition } from '../../recipe/conditions.ts';
import type { Step } from '../../recipe/types.ts';
import { withHidden, type Hidden, type Recorded } from '../../workshop/provision/recording.ts';
import { harmless } from '../repair/boxed-screen.ts';
import type { Conversation } from '../repair/conversation.ts';
import { editSteps } from '../repair/edit.ts';
import { wrapped } from '../repair/report.ts';

const COLUMNS = 80;

/** The steps as the person wants them; `undefined` where they want none of them. */
export async function reviewSteps(talk: Conversation, recorded: Recorded): Promise<readonly Step[] | undefined> {
  const { lines, show, signal } = talk;
  const texts = new Map<string, string>();
  for (const place of recorded.hidden) {
    const text = await askHidden(talk, place);
    if (text !== '') texts.set(place.name, text);
  }
  let steps: readonly Step[] = withHidden(recorded.steps, texts);
  for (;;) {
    show(
      '',
      'What you did, as steps:',
      ...steps.flatMap(stepInWords),
      ...doubts(recorded, steps).map((line) => `   ${line}`),
    );
    const answer = await lines.ask('[y]es, use them · [e]dit them · [n]o, drop them> ', signal);
    const word = answer?.trim().toLowerCase() ?? 'n';
    if (word.startsWith('y')) return steps;
    if (word.startsWith('n')) return undefined;
    if (!word.startsWith('e')) continue;
    const heading = '# The steps that were recorded. Save and leave the editor to use them.\n';
    steps = (await editSteps(talk, steps, heading, (edited) => Promise.resolve(edited))) ?? steps;
  }
}

/** Secrets belong into `personalise`; what stands in `steps` everybody can read, so it is asked for anew. */
async function askHidden({ lines, show, signal }: Conversation, place: Hidden): Promise<string> {
  show(
    '',
    `In "${place.step}" you typed ${place.characters} character${place.characters === 1 ? '' : 's'} that the screen did not show.`,
    'They may be a secret, so they were not kept. A secret cannot be in the steps of a',
    'recipe, where everybody can read it: give a public text here (one to be changed in',
    '`personalise`), or nothing to leave it out.',
  );
  return (await lines.ask('public text> ', signal)) ?? '';
}

function stepInWords(step: Step): string[] {
  return [
    `   ${step.id}${step.checkpoint === true ? '  [checkpoint]' : ''}`,
    ...(step.when ? wrapped('   when', describeCondition(step.when), COLUMNS) : []),
    ...(step.do ?? []).flatMap((act) => wrapped('     do', describeAct(act), COLUMNS)),
    ...(step.expect ? wrapped(' expect', describeCondition(step.expect), COLUMNS) : []),
  ].map(harmless);
}

/** What nothing on the screen speaks for, in words. */
export function doubts(
  { unconfirmed, unanswered }: Pick<Recorded, 'unconfirmed' | 'unanswered'>,
  steps: readonly Step[],
): string[] {
  const still = (id: string): Step | undefined => steps.find((step) => step.id === id);
  return [
    ...unanswered.filter(({ step }) => still(step)).map(({ step, key }) => `In "${step}" nothing showed after ${key}.`),
    ...unconfirmed
      .filter((id) => 'changed' in (still(id)?.expect ?? {}))
      .map((id) => `Nothing new was on the screen after "${id}": say what is to come of it.`),
  ];
}
