import assert from 'node:assert/strict';
import { sha256 } from '../../src/crypto/digest.ts';
import { askedOfNetwork, stepTimes, troubles } from '../../src/node/build-history.ts';
import type { BuildEvent, BuildEventBody } from '../../src/workshop/provision/types.ts';

const told = (...bodies: readonly BuildEventBody[]): BuildEvent[] =>
  bodies.map((body, atMs): BuildEvent => ({ atMs, ...body }));
const start = (step: string): BuildEventBody => ({ event: 'step-start', step, index: 0, of: 2, try: 1 });
const failed = (step: string, reason: string): BuildEventBody => ({
  event: 'step-failed',
  step,
  phase: 'expect',
  reason,
  screen: ['Select your location'],
  expected: { text: 'Choose your location' },
  nearest: [{ line: 'Select your location', row: 0, similarity: 0.7 }],
});
const PATCH = sha256('a patch');

describe('what a transcript tells', () => {
  it('is how long each step took, and how often it was tried', () => {
    const events = told(
      start('one'),
      { event: 'step-done', step: 'one', tookMs: 5 },
      start('two'),
      start('two'),
      failed('two', 'no'),
    );
    assert.deepEqual(stepTimes(events), [
      { step: 'one', tookMs: 5, tries: 1 },
      { step: 'two', tookMs: null, tries: 2 },
    ]);
  });

  it('is why a step failed, what was tried, and why each try was of no use', () => {
    const [trouble] = troubles(
      told(
        failed('language', 'at first'),
        { event: 'picture', step: 'language', file: 'screens/1-language.png' },
        { event: 'patch-passed-over', step: 'language', record: PATCH, reason: 'policy says never' },
        {
          event: 'repair',
          step: 'language',
          source: 'trusted peers',
          answer: 'patch',
          summary: 'another',
          patch: PATCH,
        },
        failed('language', 'in the end'),
        { event: 'repair', step: 'language', source: 'person', answer: 'abort', summary: 'the person ended it' },
      ),
    );
    assert.deepEqual(trouble, {
      step: 'language',
      phase: 'expect',
      reason: 'in the end',
      expected: { text: 'Choose your location' },
      screen: ['Select your location'],
      nearest: [{ line: 'Select your location', row: 0, similarity: 0.7 }],
      failures: 2,
      tried: [
        { source: 'a patch', what: 'not used: policy says never', patch: PATCH },
        { source: 'trusted peers', what: 'another', patch: PATCH },
        { source: 'person', what: 'the person ended it' },
      ],
      cured: false,
    });
  });

  it('is whether it was cured', () => {
    const events = told(failed('one', 'no'), { event: 'step-done', step: 'one', tookMs: 1 }, failed('two', 'no'));
    assert.deepEqual(
      troubles(events).map(({ step, cured }) => [step, cured]),
      [
        ['one', true],
        ['two', false],
      ],
    );
  });

  it('is what the guest asked of each machine, and what became of it', () => {
    const request = (outcome: 'passed' | 'refused' | 'served', host: string, what: string, sizeBytes?: number) =>
      ({ event: 'request', outcome, host, what, ...(sizeBytes !== undefined && { sizeBytes }) }) as const;
    const events = told(
      start('one'),
      request('passed', 'deb.example.org', 'GET deb.example.org/a: 200', 5),
      request('refused', 'deb.example.org', 'GET deb.example.org:22/: the recipe does not state it'),
      request('passed', 'deb.example.org', 'GET deb.example.org/a: 200', 6),
      request('passed', 'deb.example.org', 'GET deb.example.org/b: 404'),
      { event: 'request', outcome: 'served', what: 'by an earlier version' },
    );
    assert.deepEqual(askedOfNetwork(events), [
      {
        host: 'deb.example.org',
        outcome: 'passed',
        times: 3,
        sizeBytes: 11,
        what: ['GET deb.example.org/a: 200', 'GET deb.example.org/b: 404'],
      },
      {
        host: 'deb.example.org',
        outcome: 'refused',
        times: 1,
        sizeBytes: 0,
        what: ['GET deb.example.org:22/: the recipe does not state it'],
      },
      { host: '?', outcome: 'served', times: 1, sizeBytes: 0, what: ['by an earlier version'] },
    ]);
  });
});
