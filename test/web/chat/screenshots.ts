/** `npm run screenshots`: takes the pictures of the chat page in `docs/` anew, from `npm start` in memory. */
import { join } from 'node:path';
import type { BrowserContextOptions } from 'playwright-core';
import { bannerOf, DevFolder } from '../../integration/main/dev/dev-harness.js';
import { runProof } from '../../support/hooks.js';
import { ensureChromium, startChromium } from '../../support/services/chromium.js';
import { projectFolder } from '../../support/services/services.js';
import { ChatTab, PHONE } from './chat-tab.js';

/** The group that `npm start` creates. */
const GROUP = 'Tea at four';
const JAM = 'Lovely! I have the good strawberry jam: https://example.org/jam';
const DESKTOP: BrowserContextOptions = { viewport: { width: 1200, height: 750 }, deviceScaleFactor: 1.5 };

const fileOf = (name: string) => join(projectFolder, 'docs', `chat-page-${name}.png`);

/** Writes a mention as a user does: with a suggestion that is taken. */
async function mention(tab: ChatTab, name: string, after: string): Promise<void> {
  await tab.field.pressSequentially(`@${name.slice(0, 3).toLowerCase()}`);
  await tab.page.getByRole('option', { name }).click();
  await tab.field.pressSequentially(after);
  await tab.field.press('Enter');
  await tab.sees(after);
}

async function react(tab: ChatTab, text: string, emoji: string): Promise<void> {
  await tab.act(text, 'React');
  await tab
    .message(text)
    .getByRole('button', { name: `React with ${emoji}` })
    .click();
  await tab.message(text).locator('.reactions', { hasText: emoji }).waitFor();
}

/** What is in all pictures. */
async function talk(alice: ChatTab, bob: ChatTab, carol: ChatTab): Promise<void> {
  for (const tab of [alice, bob, carol]) await tab.enter(GROUP);
  // The first two messages are those of `npm start`.
  await alice.sees('with jam?');
  await alice.say(JAM);
  await Promise.all([bob.sees(JAM), carol.sees(JAM)]);
  await react(bob, JAM, '🎉');
  await react(carol, JAM, '🎉');
  await react(carol, JAM, '❤️');
  await bob.act(JAM, 'Reply');
  await bob.say('The one from last summer? I will bring two spoons then.');
  await carol.sees('two spoons');
  await mention(carol, 'Alice', 'shall I come a little earlier and help with the table?');
  await alice.sees('a little earlier');
  await alice.message(JAM).locator('[data-delivery=read]').waitFor();
  // Bob looks at another chat: what follows is delivered to him, and not read.
  await bob.enter('Alice');
  await alice.say('Yes please! Half past three is perfect.');
  await alice.say('And the garden door is open, just walk in.');
  await bob.say('I am leaving now, see you soon.');
  await alice.entry('Bob').locator('[data-unread="1"]').waitFor();
  await alice.message('garden door').locator('[data-delivery=received]').waitFor();
}

await runProof(async () => {
  const chromium = ensureChromium();
  if ('missing' in chromium) {
    process.stderr.write(`${chromium.missing}\n`);
    return 1;
  }
  const folder = new DevFolder();
  const dev = await folder.start({ rabbitmq: false, env: { STORE: 'memory', TRANSPORT: 'in-process' } });
  const [{ base }, browser] = await Promise.all([bannerOf(dev), startChromium(chromium.path)]);
  try {
    const tabOf = (name: string, options: BrowserContextOptions) =>
      ChatTab.of(browser, base, name, { ...options, reducedMotion: 'reduce' });
    const alice = await tabOf('Alice', { ...DESKTOP, colorScheme: 'light' });
    const [bob, carol] = [await tabOf('Bob', DESKTOP), await tabOf('Carol', DESKTOP)];
    await talk(alice, bob, carol);

    // Without the line before the new messages.
    await alice.page.reload();
    await alice.live();
    await alice.enter(GROUP);
    await alice.sees('garden door');
    const isTyping = alice.page.locator('.typing', { hasText: 'Carol is typing' });
    await alice.eventually('typing', async () => {
      // The gateway passes it on at most once in 5 s, and carol has just typed.
      await carol.field.press('m');
      return isTyping.isVisible();
    });
    await alice.page.screenshot({ path: fileOf('light') });
    await carol.field.fill('');

    const dark = await tabOf('Alice', { ...DESKTOP, colorScheme: 'dark' });
    await dark.enter(GROUP);
    await dark.page.getByRole('button', { name: 'Search all chats' }).click();
    await dark.page.getByRole('searchbox').fill('jam');
    await dark.page.locator('.found mark').first().waitFor();
    await dark.sees('garden door');
    await dark.page.screenshot({ path: fileOf('dark') });

    const phone = await tabOf('Alice', { viewport: PHONE, deviceScaleFactor: 2, hasTouch: true, isMobile: true });
    await phone.entry(GROUP).tap();
    await phone.eventually('the end in sight', () => phone.isAtEnd());
    await phone.message('two spoons').tap();
    await phone.message('two spoons').getByRole('button', { name: 'Thread' }).waitFor();
    await phone.page.screenshot({ path: fileOf('phone') });
    for (const name of ['light', 'dark', 'phone']) console.log(fileOf(name));
    return 0;
  } finally {
    await browser.close();
    await dev.stop();
  }
});
