/** A recipe to start from: valid as it stands, on real media, with a comment where a choice is to be made. */

/** YAML text. `name` must be a recipe's name (lower-case letters, digits, dots, - and _); parseRecipe says so if not. */
export function recipeTemplate(name: string): string {
  return `# A recipe says what to do and, for every step, what must be seen. Nothing in it runs on your machine, and there is
# no sleep: to wait is to say what for. Every field is described in docs/recipe.md.
#   portalgun recipe lint ${name}.yaml     says what is wrong with it, and what most likely is
#   portalgun build ${name}.yaml           builds it
recipe: 1
name: ${JSON.stringify(name)}
version: 0.1.0
summary: A first recipe, on GRUB's rescue CD

media:
  # A file of a Debian package, verified along apt's signed chain. "iso" is what the machine boots from; a recipe may
  # name a kernel and an initrd instead, and disks of packages under any other name.
  iso: { package: grub-rescue-pc, path: usr/lib/grub-rescue/grub-rescue-cdrom.iso }

params:
  # What whoever builds may choose. It is used as {{greeting}}.
  greeting: { type: string, default: portal, pattern: "[a-z]{1,20}", summary: A word that GRUB says back }

machine: { arch: x86_64, memory: 128M }

# For every step that does not say otherwise. Times are scaled by the measured speed of your machine.
defaults: { timeout: 30s, retries: 1 }

steps:
  # when: what must be seen before acting. do: the acts. expect: what must be seen after them.
  - id: menu
    when: { text: "The highlighted entry will be executed automatically" }
    do: [{ key: down }]
    expect: { gone: { text: "The highlighted entry will be executed automatically" } }
    # The end of this step is kept: a failing step after it starts again from here.
    checkpoint: true

  - id: command-line
    when: { text: "before booting or \`c' for a command-line" }
    do: [{ key: c }]
    expect: { text: "grub>" }

  # What is typed shows on the screen, so expect something that only the result shows.
  - id: greeting
    do: [{ type: "set word={{greeting}}; echo $word-gun" }, { key: enter }]
    expect: { text: "{{greeting}}-gun" }
`;
}
