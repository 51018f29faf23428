import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { sha256 } from '../../../src/crypto/digest.ts';
import { createMasker } from '../../../src/workshop/provision/mask.ts';
import { giveUp, maskedFailure, StepFailed } from '../../../src/workshop/provision/step-failed.ts';
import { paperScreen } from './paper-machine.ts';

describe('a failed step that is told', () => {
  it('threat 39: says nothing of a secret, in its message, its facts or its causes', () => {
    const seen = paperScreen(['# echo swordfish', 'swordfish: not found']);
    const reason = 'it cannot come: the screen says "swordfish: not found"';
    const frame = { width: 1, height: 1, rgb: new Uint8Array(3), sequence: 1, capturedAtMs: 0 };
    const failed = new StepFailed(
      {
        stepId: 'password',
        stepDigest: sha256('step'),
        phase: 'expect',
        expected: { text: 'password updated' },
        reason,
        seen,
        serialTail: 'login: swordfish',
        nearest: [{ line: 'swordfish: not found', row: 1, similarity: 0.5 }],
      },
      frame,
    );
    const before = giveUp('password', failed, 'and nobody could mend it');
    assert.match(before.message, /swordfish/);
    const told = maskedFailure(before, createMasker(['swordfish']));
    assert.equal(told.code, before.code);
    assert.equal(told.hint, before.hint);
    assert.match(told.message, /the screen says "•{9}: not found"/);
    const { cause, facts, failure, message, stack } = told;
    assert.doesNotMatch(inspect({ cause, facts, message, stack }, { depth: 8 }), /swordfish/);
    assert.deepEqual([failure.seen.lines[0]?.trimEnd(), failure.serialTail], ['# echo •••••••••', 'login: •••••••••']);
  });
});
