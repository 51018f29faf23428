/** Patches for a failing step: from the store, and with `askPeers` from trusted peers. */
import type { Digest } from '../../crypto/digest.ts';
import { candidatesFor } from '../../heal/candidates.ts';
import { parseRecipe } from '../../recipe/parse.ts';
import { allOf } from '../knowledge.ts';
import { judgeAt, personalDecision, type PersonalDecision } from '../judgement.ts';
import type { Session } from '../session.ts';
import type { Arguments } from './arguments.ts';

/** How long trusted peers are asked for a symptom. Their patches may come later by gossip: the next try sees them. */
export const ASK_PEERS_MS = 5_000;

export async function candidates(session: Session, args: Arguments, signal: AbortSignal): Promise<unknown> {
  const recipe = parseRecipe(args.text('source'), args.optionalText('file') ?? 'recipe');
  const startedWith = args.optionalText('started');
  const started =
    startedWith === undefined ? undefined : parseRecipe(startedWith, 'the recipe that the build started with');
  const symptom = args.digest('symptom');
  if (args.flag('askPeers') && session.exchange) {
    await session.exchange.askSymptom(symptom, AbortSignal.any([signal, AbortSignal.timeout(ASK_PEERS_MS)]));
  }
  const patches = await allOf(session, 'patch');
  const personal = new Map<Digest, PersonalDecision | undefined>();
  for (const { record } of patches) personal.set(record.id, await personalDecision(session, record.id));
  const decide = await judgeAt(session);
  return candidatesFor({ recipe, started, stepId: args.text('step'), symptom }, patches, (patch, changeClass, of) =>
    decide(patch, changeClass, personal.get(patch.record.id), of),
  );
}
