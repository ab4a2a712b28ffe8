import type { Story } from './story.js';

/** Removes faults and commands, halves first and then one by one, while the story still fails. */
export async function shrink(story: Story, fails: (story: Story) => Promise<boolean>): Promise<Story> {
  let small = story;
  for (let before = -1; before !== size(small); ) {
    before = size(small);
    small = await without(small, 'faults', fails);
    small = await without(small, 'commands', fails);
  }
  return small;
}

const size = ({ faults, commands }: Story) => faults.length + commands.length;

async function without(
  story: Story,
  part: 'faults' | 'commands',
  fails: (story: Story) => Promise<boolean>,
): Promise<Story> {
  let small = story;
  for (let chunk = Math.ceil(small[part].length / 2); chunk >= 1; chunk = Math.floor(chunk / 2))
    for (let from = 0; from < small[part].length; ) {
      const tried = { ...small, [part]: small[part].toSpliced(from, chunk) };
      if (await fails(tried).catch(() => true)) small = tried;
      else from += chunk;
    }
  return small;
}
