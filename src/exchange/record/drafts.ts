/**
 * Makers of drafts, one a kind. Each reads its own product as every peer will: what we sign is understood, and where it
 * would not be, the person hears why before anything is published (`record/bad-draft`).
 */
import { UsageError } from '../../errors.ts';
import { understand } from './meaning.ts';
import { attestationContent, type AttestationInput } from './meaning/attestation.ts';
import { endorsementContent, type EndorsementInput } from './meaning/endorsement.ts';
import { failureContent, type FailureInput } from './meaning/failure.ts';
import { openingContent, type OpeningInput } from './meaning/key.ts';
import { patchContent, type PatchInput } from './meaning/patch.ts';
import { recipeContent, type RecipeInput } from './meaning/recipe.ts';
import { withdrawalContent, type WithdrawalInput } from './meaning/withdrawal.ts';
import type { Draft } from './statement.ts';
import type { AuthorId, FeedLink } from './types.ts';
import { PUBLIC_SCOPE } from './feed-link.ts';

export function recipeDraft(input: RecipeInput): Draft {
  return checked(recipeContent(input));
}

export function patchDraft(input: PatchInput): Draft {
  return checked(patchContent(input));
}

export function attestationDraft(input: AttestationInput): Draft {
  return checked(attestationContent(input));
}

export function failureDraft(input: FailureInput): Draft {
  return checked(failureContent(input));
}

export function endorsementDraft(input: EndorsementInput): Draft {
  return checked(endorsementContent(input));
}

export function withdrawalDraft(input: WithdrawalInput): Draft {
  return checked(withdrawalContent(input));
}

/** The first record of a public feed; commits to the recovery key's public half. */
export function openingDraft(input: OpeningInput): Draft {
  return checked(openingContent(input), input.author);
}

function checked(draft: Draft, author: AuthorId = `ed25519:${'0'.repeat(64)}`): Draft {
  // Only an opening looks at its link: it must be the first record of its author's feed.
  const link: FeedLink = { network: 'draft', author, scope: PUBLIC_SCOPE, recovery: 0, epoch: 0, seq: 1, prev: null };
  const judged = understand(draft, link);
  if (judged.understood) return draft;
  throw new UsageError(
    'record/bad-draft',
    `This cannot be published, for nobody would understand it: ${judged.reason}.`,
    {
      facts: { predicateType: draft.predicateType },
    },
  );
}
