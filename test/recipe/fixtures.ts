/** Recipes for tests: as short as what the test is about. */
import { stepDigest } from '../../src/recipe/digest.ts';
import { parseRecipe } from '../../src/recipe/parse.ts';
import type { Digest } from '../../src/crypto/digest.ts';
import type { CheckedRecipe, Operation, Step } from '../../src/recipe/types.ts';

/** Comments, blank lines, quotes and both styles of YAML, as authors write them. */
export const SOURCE = `# A recipe with a comment at its head
recipe: 1
name: sample
version: 1.0.0
summary: What tests are made of   # beside a value

params:
  hostname: { type: string, default: portal, pattern: "^[a-z]{1,20}$", summary: Its name }
  root_password: { type: secret, summary: "Root's password" }

machine:
  arch: x86_64
  memory: 128M   # enough
  disks: [{ id: root, size: 1G }]
reproducible: { clock: host }
defaults: { timeout: 60s, retries: 2 }

watch:
  - { id: no-network, when: { text: "Network autoconfiguration failed" }, fail: network }

steps:
  # the first screen
  - id: language
    when: { text: 'Choose the language' }
    do: [{ menu: "English" }]
    expect: { text: "Select your location" }
    checkpoint: true

  - id: hostname   # typed
    when:
      text: Please enter the hostname
      timeout: 90s
    do:
      - { type: "{{hostname}}", clear: true }
      # and then
      - key: enter
    expect: { gone: { text: "Please enter the hostname" } }

  - id: partition
    first_of:
      - { when: { text: "Force UEFI installation" }, do: [{ menu: "No" }] }
      - { when: { text: "Partitioning method" }, do: [{ menu: "Guided" }] }
    expect: { text: "Select disk to partition" }

  # nothing to do but to wait
  - id: base-system
    expect: { text: "Configure the package manager", timeout: 30m, progress: { text: "([0-9]+)%", stall: 3m } }

outputs:
  - { disk: root, as: image }

personalise:
  - id: password
    when: { text: "login:" }
    do: [{ type: "passwd {{root_password}}", echo: false }, { key: enter }]
    expect: { text: "password updated" }
# the end
`;

export const sample = (): CheckedRecipe => parseRecipe(SOURCE, 'sample.yaml');

/** The sample with one text in it replaced; throws where the text is not there exactly once. */
export function sampleWith(text: string, replacement: string): string {
  if (SOURCE.split(text).length !== 2) throw new Error(`${JSON.stringify(text)} is not in the sample exactly once`);
  return SOURCE.replace(text, () => replacement);
}

/** A whole recipe around some steps. */
export function recipeOf(steps: string, rest = ''): string {
  return `recipe: 1\nname: small\nversion: 1.0.0\nsummary: s\nmachine: { arch: x86_64, memory: 128M }\n${rest}steps:\n${steps}`;
}

export function stepOf(recipe: CheckedRecipe, id: string): Step {
  const step = recipe.recipe.steps.find((candidate) => candidate.id === id);
  if (!step) throw new Error(`no step ${id}`);
  return step;
}

export function digestOfStep(recipe: CheckedRecipe, id: string): Digest {
  return stepDigest(stepOf(recipe, id));
}

/** Replaces some fields of a step; a field of `undefined` is taken away. */
export function replace(
  recipe: CheckedRecipe,
  id: string,
  fields: { readonly [K in keyof Step]?: Step[K] | undefined },
): Operation {
  const step = Object.fromEntries(
    Object.entries({ ...stepOf(recipe, id), ...fields }).filter(([, value]) => value !== undefined),
  );
  return { op: 'replace-step', id, was: digestOfStep(recipe, id), step: step as unknown as Step };
}
