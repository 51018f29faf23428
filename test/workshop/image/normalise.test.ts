import assert from 'node:assert/strict';
import { compileRules, countRules } from '../../../src/workshop/image/index.ts';
import { normaliseContent } from '../../../src/workshop/image/normalise.ts';
import { NAMED_RULES } from '../../../src/workshop/image/rules.ts';
import { shortDigest } from '../../../src/crypto/digest.ts';
import type { NormaliseRule } from '../../../src/recipe/types.ts';

/** What counts in place of a file's content; undefined: the content itself. */
function rewritten(rules: readonly NormaliseRule[], path: string, content: string, mode = 0o644): string | undefined {
  const rule = compileRules(rules).ruleFor({ path, mode, sizeBytes: Buffer.byteLength(content, 'latin1') });
  return rule === undefined ? undefined : normaliseContent(rule, Buffer.from(content, 'latin1'))?.toString('latin1');
}

const inline = (path: string, content: string): NormaliseRule => ({ path, content, reason: 'a test' });
const ID = '0123456789abcdef0123456789abcdef\n';

describe('normaliser rules', () => {
  it('take a machine id for empty, and nothing else in its place', () => {
    assert.equal(rewritten(['machine-id'], '/etc/machine-id', ID), '');
    assert.equal(rewritten(['machine-id'], '/etc/machine-id', 'uninitialized\n'), '');
    for (const content of ['#!/bin/sh\nid\n', ID + ID, ID.toUpperCase(), `x${ID}`]) {
      assert.equal(rewritten(['machine-id'], '/etc/machine-id', content), undefined);
    }
  });

  it('hold for exact paths only', () => {
    for (const path of ['/etc/machine-id2', '/x/etc/machine-id', '/etc/machine-id/', 'etc/machine-id']) {
      assert.equal(rewritten(['machine-id'], path, ID), undefined);
    }
  });

  it('never touch what is executable or runs as its owner', () => {
    assert.equal(rewritten(['machine-id'], '/etc/machine-id', ID, 0o755), undefined);
    assert.equal(rewritten(['machine-id'], '/etc/machine-id', ID, 0o4644), undefined);
    assert.equal(rewritten(['machine-id'], '/etc/machine-id', ID, 0o444), '');
  });

  it('take host keys for empty, one key a file', () => {
    const key = '-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA+/==\n-----END OPENSSH PRIVATE KEY-----\n';
    assert.equal(rewritten(['ssh-host-keys'], '/etc/ssh/ssh_host_ed25519_key', key), '');
    assert.equal(rewritten(['ssh-host-keys'], '/etc/ssh/ssh_host_ed25519_key', `${key}more\n`), undefined);
    assert.equal(rewritten(['ssh-host-keys'], '/etc/ssh/ssh_host_ed25519_key.pub', 'ssh-ed25519 AAAA root@x\n'), '');
    const two = 'ssh-ed25519 AAAA root@x\nssh-ed25519 BBBB root@y\n';
    assert.equal(rewritten(['ssh-host-keys'], '/etc/ssh/ssh_host_ed25519_key.pub', two), undefined);
  });

  it('rewrite the times in a log and keep the rest of its lines', () => {
    const log = '2024-01-02 03:04:05 install tar 1.34\nno time here\n';
    assert.equal(rewritten(['logs'], '/var/log/dpkg.log', log), '{time} install tar 1.34\nno time here\n');
    assert.equal(rewritten(['logs'], '/var/log/dpkg.log', 'nothing to rewrite\n'), undefined);
  });

  it('take binary records for empty only in whole records, and a program for no log', () => {
    assert.equal(rewritten(['logs'], '/var/log/wtmp', 'x'.repeat(384 * 2)), '');
    assert.equal(rewritten(['logs'], '/var/log/wtmp', 'x'.repeat(385)), undefined);
    assert.equal(rewritten(['logs'], '/var/log/syslog', 'Jan  1 00:00:00 host kernel: hello\n'), '');
    assert.equal(rewritten(['logs'], '/var/log/syslog', '\u007fELF\u0001\u0000'), undefined);
    assert.equal(rewritten(['random-seed'], '/var/lib/systemd/random-seed', 'x'.repeat(512)), '');
    assert.equal(rewritten(['random-seed'], '/var/lib/systemd/random-seed', 'x'.repeat(544)), undefined);
  });

  it('written out, rewrite what matches within a line and nothing else', () => {
    const rule = inline('/etc/fstab', 'UUID=[0-9a-f-]{36}');
    const fstab = 'UUID=01234567-89ab-cdef-0123-456789abcdef / ext4 defaults 0 1\n/dev/sdb /evil ext4\n';
    assert.equal(rewritten([rule], '/etc/fstab', fstab), '{normalised} / ext4 defaults 0 1\n/dev/sdb /evil ext4\n');
  });

  for (const path of [
    '/etc/passwd',
    '/etc/shadow',
    '/etc/sudoers.d/x',
    '/root/.ssh/authorized_keys',
    '/home/a/.ssh/rc',
    '/etc/pam.d/su',
  ]) {
    it(`are refused for ${path}: it decides who may do what`, () => {
      assert.throws(() => compileRules([inline(path, '[0-9]{5}')]), { code: 'image/rule-forbidden', exitCode: 3 });
    });
  }

  for (const content of ['.*', '.+', '[^x]{20,}', '(?s).{17,}', '[ -~]+', '.', '[a-z]', '\\S{1,4}']) {
    it(`are refused when they match nearly anything (threat 30): ${content}`, () => {
      assert.throws(() => compileRules([inline('/etc/motd', content)]), { code: 'image/rule-too-wide', exitCode: 3 });
    });
  }

  for (const path of ['etc/x', '/etc/../x', '/etc//x', '/etc/*', '/etc/./x', '/', '/etc/[x]']) {
    it(`need one exact path, not ${path}`, () => {
      assert.throws(() => compileRules([inline(path, '[0-9]{5}')]), { code: 'image/bad-rule', exitCode: 2 });
    });
  }

  it('say which rules there are when one is unknown, and which pattern is none', () => {
    assert.throws(() => compileRules(['machine-ids']), {
      code: 'image/unknown-rule',
      hint: /machine-id, ssh-host-keys/,
    });
    assert.throws(() => compileRules(['constructor']), { code: 'image/unknown-rule' });
    assert.throws(() => compileRules([inline('/etc/x', '(')]), { code: 'image/bad-rule' });
    assert.throws(() => compileRules([inline('/etc/x', 'x'.repeat(513))]), { code: 'image/bad-rule' });
  });

  it('may not be two for one path, nor too many', () => {
    assert.throws(() => compileRules(['machine-id', inline('/etc/machine-id', '[0-9]{5}')]), {
      code: 'image/rule-conflict',
    });
    const many = Array.from({ length: 65 }, (_, index) => inline(`/etc/${index}`, '[0-9]{5}'));
    assert.throws(() => compileRules(many), { code: 'image/too-many-rules' });
    assert.ok(compileRules(many.slice(1)));
  });

  it('have a digest that changes with every rule and pattern', () => {
    const sets: NormaliseRule[][] = [
      [],
      ['machine-id'],
      ['logs'],
      [inline('/etc/x', '[0-9]{5}')],
      [inline('/etc/x', '[0-9]{6}')],
      [inline('/etc/y', '[0-9]{5}')],
      [{ path: '/etc/y', content: '[0-9]{5}', reason: 'a test', version: 2 }],
      [{ path: '/etc/y', content: '[0-9]{5}', reason: 'another reason' }],
    ];
    assert.equal(new Set(sets.map((rules) => compileRules(rules).digest)).size, sets.length);
    assert.equal(compileRules(['logs']).digest, compileRules(['logs']).digest);
  });

  it('say their version, which is 1 where a recipe does not say it', () => {
    const rules = compileRules([
      'machine-id',
      'disk-id',
      { path: '/etc/x', content: '[0-9]{5}', reason: 'a test', version: 7 },
    ]);
    const written = rules.ruleFor({ path: '/etc/x', mode: 0o644, sizeBytes: 1 })?.name ?? '';
    assert.equal(rules.explain('machine-id', 'p1:/etc/machine-id')?.version, 1);
    assert.equal(rules.explain('disk-id', 'disk:0+512')?.version, 2);
    assert.equal(rules.explain(written, 'p1:/etc/x')?.version, 7);
    assert.equal(rules.explain('machine-id', 'p1:/etc/other'), undefined);
    const unsaid = compileRules([inline('/etc/x', '[0-9]{5}')]);
    assert.equal(unsaid.explain(written, 'p1:/etc/x')?.version, 1);
  });

  // What is done with a rule may change in code alone: the digest shows what is written down. Where one of these changes, count
  // the rule's version up, and write the new digest here.
  const WRITTEN: Readonly<Record<string, readonly [version: number, digest: string]>> = {
    'machine-id': [1, '2a4e59dc3b5d'],
    'ssh-host-keys': [1, '4a424fe10c6b'],
    logs: [1, '0b261cf9bbc5'],
    'random-seed': [1, '6f192b989cdc'],
    'disk-id': [2, '4b1e2e411846'],
  };
  for (const [name, [version, digest]] of Object.entries(WRITTEN)) {
    it(`named ${name} are those of version ${version}`, () => {
      const rules = NAMED_RULES[name] ?? [];
      assert.ok(rules.length > 0 && rules.every((rule) => rule.version === version));
      assert.equal(shortDigest(compileRules([name]).digest), digest);
    });
  }

  it('all have a version that is watched', () => {
    assert.deepEqual(Object.keys(WRITTEN).sort(), Object.keys(NAMED_RULES).sort());
  });

  it('are counted by what they touched', () => {
    const common = { kind: 'extent', sizeBytes: 1 } as const;
    const entries = [
      { ...common, path: 'disk:0+1', rule: 'disk-id' },
      { ...common, path: 'disk:1+1' },
      { ...common, path: 'disk:2+1', rule: 'disk-id' },
    ];
    assert.deepEqual(countRules(entries), [{ rule: 'disk-id', paths: ['disk:0+1', 'disk:2+1'] }]);
  });
});
