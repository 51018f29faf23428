/** Signing and spreading: what a person publishes becomes the next record of their feed. */
import type { Digest } from '../../crypto/digest.ts';
import { RefusedError, UsageError } from '../../errors.ts';
import {
  attestationDraft,
  endorsementDraft,
  failureDraft,
  patchDraft,
  recipeDraft,
  withdrawalDraft,
  type AttestationInput,
  type Draft,
  type FailureInput,
} from '../../exchange/record/index.ts';
import { applyOperations } from '../../recipe/patch.ts';
import { lockMatches, parseLock } from '../../recipe/lock.ts';
import { parseOperations } from '../../recipe/operations.ts';
import { parseRecipe } from '../../recipe/parse.ts';
import { symptomOf } from '../../heal/symptom.ts';
import { findBuild } from '../build-records.ts';
import { groupRecipes, publishInGroup } from '../groups.ts';
import { allOf, findRecord, meaningOf } from '../knowledge.ts';
import { recipeByDigest } from '../judgement.ts';
import { parseScreen } from '../screen-evidence.ts';
import { publishOrWait, type Published } from '../outbox.ts';
import type { Session } from '../session.ts';
import type { Arguments } from './arguments.ts';

/** The next record of the own feed, or a place in the outbox. Durable when it resolves. */
async function publishDraft(session: Session, args: Arguments, signal: AbortSignal, draft: Draft): Promise<Published> {
  return publishOrWait(session, draft, { offline: args.flag('offline'), signal });
}

export async function recipe(session: Session, args: Arguments, signal: AbortSignal): Promise<unknown> {
  const yaml = args.text('yaml');
  const checked = parseRecipe(yaml, args.optionalText('file') ?? 'recipe');
  const lockYaml = args.optionalText('lockYaml');
  if (lockYaml !== undefined && !lockMatches(parseLock(lockYaml), checked)) {
    throw new UsageError(
      'publish/lock-stale',
      'The lock beside the recipe was made for other media than the recipe’s.',
      {
        hint: 'portalgun recipe lock --update FILE writes it anew; look at what moves.',
      },
    );
  }
  const group = args.optionalText('group');
  const known =
    group === undefined
      ? await allOf(session, 'recipe')
      : (await groupRecipes(session)).filter((one) => one.group === group);
  const own = known.find(
    ({ record, meaning }) => record.link.author === session.identity.author && meaning.digest === checked.digest,
  );
  if (own) return { record: own.record.id, seq: own.record.link.seq, recipe: checked.digest, already: true };
  const { name, version } = checked.recipe;
  const draft = recipeDraft({
    name,
    version,
    digest: checked.digest,
    yaml,
    ...(lockYaml !== undefined && { lockYaml }),
  });
  if (group !== undefined) {
    const record = await publishInGroup(session, group, draft, { offline: args.flag('offline'), signal });
    return { record: record.id, seq: record.link.seq, recipe: checked.digest };
  }
  return { ...(await publishDraft(session, args, signal, draft)), recipe: checked.digest };
}

/** Publishes a patch after checking that it does what it says on the recipe that it names. */
export async function patch(session: Session, args: Arguments, signal: AbortSignal): Promise<unknown> {
  const base = args.digest('base');
  const operations = parseOperations(args.list('operations'));
  const recipe =
    args.optionalText('source') === undefined
      ? await recipeByDigest(session, base)
      : parseRecipe(args.text('source'), 'recipe');
  if (!recipe) throw new UsageError('publish/unknown-base', `the recipe ${base} is not stored here`);
  const result = applyOperations(recipe, operations);
  if (recipe.digest !== base || result.digest !== args.digest('result')) {
    throw new RefusedError(
      'publish/wrong-result',
      `the patch claims ${args.digest('result')}, but gives ${result.digest}`,
    );
  }
  const evidence = {
    ...(await keepScreen(session, 'before', args.optionalText('screenBefore'))),
    ...(await keepScreen(session, 'after', args.optionalText('screenAfter'))),
  };
  const published = await publishDraft(
    session,
    args,
    signal,
    patchDraft({
      recipeName: recipe.recipe.name,
      base,
      result: result.digest,
      operations,
      symptom: args.optionalDigest('symptom') ?? null,
      origin: originOf(args.text('origin')),
      summary: args.text('summary'),
      verifiedBy: args.optionalDigest('verifiedBy') ?? null,
      supersedes: args.optionalDigest('supersedes') ?? null,
      ...(Object.keys(evidence).length > 0 && { evidence }),
    }),
  );
  return { ...published, result: result.digest };
}

/** Where peers may ask for it. */
async function keepScreen(session: Session, name: string, text: string | undefined): Promise<Record<string, Digest>> {
  if (text === undefined) return {};
  const bytes = Buffer.from(text);
  parseScreen(bytes);
  return { [name]: await session.store.blobs.put(bytes) };
}

export async function attestation(session: Session, args: Arguments, signal: AbortSignal): Promise<unknown> {
  return publishDraft(session, args, signal, attestationDraft(await attestationFor(session, args.text('build'))));
}

export async function failure(session: Session, args: Arguments, signal: AbortSignal): Promise<unknown> {
  return publishDraft(session, args, signal, failureDraft(await failureFor(session, args.text('build'))));
}

/** The facts are in the build's own record: what is signed is what was written down when it ended. */
async function attestationFor(session: Session, id: string): Promise<AttestationInput> {
  const { attestation: facts } = await findBuild(session.home, id);
  if (facts) return facts;
  throw new UsageError('publish/no-attestation', `the build ${id} made no image, so there is nothing to attest`);
}

async function failureFor(session: Session, id: string): Promise<FailureInput> {
  const { failure: what, finalRecipe, recipeName } = await findBuild(session.home, id);
  if (what?.step === undefined) throw new UsageError('publish/no-failure', `the build ${id} did not fail at a step`);
  const { step, stepDigest, expected } = what;
  const symptom = stepDigest && expected ? symptomOf(session.config.network, stepDigest, expected) : null;
  return { recipe: finalRecipe, recipeName, failedSteps: [step], symptom };
}

function originOf(text: string): 'human' | 'suggestion' | 'mixed' {
  if (text === 'human' || text === 'suggestion' || text === 'mixed') return text;
  throw new UsageError('publish/bad-origin', 'origin must be `human`, `suggestion` or `mixed`');
}

export async function endorsement(session: Session, args: Arguments, signal: AbortSignal): Promise<unknown> {
  const reviewed = args.text('reviewed');
  if (reviewed !== 'human' && reviewed !== 'build') {
    throw new UsageError('publish/bad-review', 'reviewed must be `human` or `build`');
  }
  const of = args.digest('of');
  return publishDraft(
    session,
    args,
    signal,
    endorsementDraft({ of, reviewed, attestation: args.optionalDigest('attestation') ?? null }),
  );
}

export async function withdrawal(session: Session, args: Arguments, signal: AbortSignal): Promise<unknown> {
  const record = await findRecord(session, args.text('record'));
  if (record.link.author !== session.identity.author) {
    throw new RefusedError('publish/not-yours', `record ${record.id} is not yours to withdraw`, {
      hint: 'To speak against somebody’s patch, publish a failed build with it.',
    });
  }
  meaningOf(record);
  return publishDraft(session, args, signal, withdrawalDraft({ of: record.id, reason: args.text('why') }));
}
