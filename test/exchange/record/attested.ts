/** A signed build, for tests that are about something else. */
import { sha256 } from '../../../src/crypto/digest.ts';
import type { AttestationInput } from '../../../src/exchange/record/index.ts';

const build: AttestationInput = {
  recipe: sha256('resolved'),
  recipeName: 'debian-12-tiny',
  lock: sha256('lock'),
  normaliser: sha256('rules'),
  manifestFormat: 'portalgun-manifest/1',
  cpuModel: 'qemu64',
  arch: 'x86_64',
  params: {},
  manifest: sha256('manifest'),
  dependencies: [],
  builderId: 'urn:portalgun:builder:v1',
  environment: {},
  startedOn: '2026-01-02T03:04:05Z',
  finishedOn: '2026-01-02T03:05:05Z',
};

export function attestationOf(fields: Partial<AttestationInput> = {}): AttestationInput {
  return { ...build, ...fields };
}
