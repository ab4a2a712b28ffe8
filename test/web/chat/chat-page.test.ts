/** The chat page of npm start in a real browser: what users see and do. */
import { expect } from 'chai';
import type { Browser } from 'playwright-core';
import { type Banner, bannerOf, DevFolder } from '../../integration/main/dev/dev-harness.js';
import { onThisMachine } from '../../support/busy-machine.js';
import { eventually } from '../../support/eventually.js';
import type { TestProcess } from '../../support/fleet/processes.js';
import { ensureChromium, startChromium } from '../../support/services/chromium.js';
import { ChatTab, PHONE, WITHIN_MS } from './chat-tab.js';
import { Network } from './network.js';

const TEST_TIMEOUT_MS = 120_000;
const SEEN_WITHIN_MS = 100;
const GROUP = 'Tea at four';
const HOSTILE = '<img src=x onerror="document.title=1"><script>document.title=2</script>';

const chromium = ensureChromium();
const skipped = 'missing' in chromium ? ` (skipped: ${chromium.missing})` : '';

describe(`The chat page, in Chromium${skipped}`, function () {
  this.timeout(TEST_TIMEOUT_MS);
  const folder = new DevFolder();
  let dev: TestProcess | undefined;
  let banner: Banner;
  let browser: Browser | undefined;
  let network: Network | undefined;
  let alice: ChatTab;
  let bob: ChatTab;

  before(async function () {
    if ('missing' in chromium) return this.skip();
    dev = await folder.start({ rabbitmq: false, env: { STORE: 'memory', TRANSPORT: 'in-process' } });
    [banner, browser] = await Promise.all([bannerOf(dev), startChromium(chromium.path)]);
    network = await Network.before(banner.base);
    alice = await ChatTab.of(browser, banner.base, 'Alice');
    bob = await ChatTab.of(browser, network.base, 'Bob');
  });

  after(async () => {
    await browser?.close();
    await network?.close();
    await dev?.stop();
    await eventually(() => folder.processes().length === 0, { within: WITHIN_MS, what: 'the end of npm start' });
  });

  const tabOf = (name: string, options = {}) => ChatTab.of(browser as Browser, banner.base, name, options);

  it('is at the address in the first line that npm start prints', () => {
    const [first = ''] = (dev as TestProcess).stdout.filter((line) => line.startsWith('Parley is up'));
    expect(first).to.include(`${banner.base}/chat`);
  });

  it(`shows a message in the other tab within ${SEEN_WITHIN_MS} ms`, async () => {
    await alice.enter('Bob');
    await bob.enter('Alice');
    const delays: number[] = [];
    for (const [from, to] of [
      [alice, bob],
      [bob, alice],
      [alice, bob],
      [bob, alice],
      [alice, bob],
    ] as const) {
      const text = `message ${delays.length}`;
      await from.field.fill(text);
      // Both tabs have the clock of this machine.
      const seen = to.page.evaluate(
        `new Promise((resolve) => {
          const look = () => {
            const { textContent } = document.querySelector('.conversation .messages');
            if (textContent.includes('${text}')) resolve(Date.now());
            else requestAnimationFrame(look);
          };
          look();
        })`,
      ) as Promise<number>;
      await from.page.evaluate(
        `addEventListener('keydown', () => { window.sentAt = Date.now(); }, { once: true, capture: true })`,
      );
      await from.field.press('Enter');
      delays.push((await seen) - ((await from.page.evaluate('window.sentAt')) as number));
    }
    const median = [...delays].sort((a, b) => a - b)[2];
    expect(median, `${delays.join(', ')} ms`).to.be.below(onThisMachine(SEEN_WITHIN_MS));
    expect(await alice.texts()).to.deep.equal(await bob.texts());
  });

  it('shows presence, typing, and when a message was read', async () => {
    await alice.page.locator('.conversation .titles', { hasText: 'online' }).waitFor();
    // The gateway passes on at most one in 5 s, and Bob has just typed.
    await alice.eventually('Bob typing', async () => {
      await bob.field.press('x');
      return alice.page.locator('.typing', { hasText: 'Bob is typing' }).isVisible();
    });
    await bob.field.fill('');
    await alice.page.locator('.typing', { hasNotText: 'typing' }).waitFor();
    await alice.message('message 4').locator('[data-delivery=read]').waitFor();
  });

  it('counts unread messages and delivers them before they are read', async () => {
    await bob.enter(GROUP);
    await alice.say('are you there?');
    await bob.entry('Alice').locator('[data-unread="1"]').waitFor();
    await alice.message('are you there?').locator('[data-delivery=received]').waitFor();
    await bob.enter('Alice');
    await alice.message('are you there?').locator('[data-delivery=read]').waitFor();
    // Alice may know it before the tab that told it.
    await bob.entry('Alice').locator('[data-unread]').waitFor({ state: 'detached' });
  });

  it('replies, reacts, edits and deletes', async () => {
    await bob.act('are you there?', 'Reply');
    await bob.say('I am');
    await alice.message('I am').locator('.quote', { hasText: 'are you there?' }).waitFor();
    await alice.act('I am', 'React');
    await alice.message('I am').getByRole('button', { name: 'React with 🎉' }).click();
    await bob.message('I am').locator('.reactions', { hasText: '🎉 1' }).waitFor();
    await bob.act('I am', 'Edit');
    await bob.say('I am here');
    await alice.message('I am here').locator('.meta', { hasText: 'edited' }).waitFor();
    await bob.act('I am here', 'Delete');
    await bob.message('I am here').getByRole('button', { name: 'Delete for everybody' }).click();
    await alice.sees('Message deleted');
    await alice.message('I am here').waitFor({ state: 'detached' });
  });

  it('keeps a thread beside the conversation', async () => {
    await alice.act('message 0', 'Thread');
    const reply = alice.page.getByRole('textbox', { name: 'Reply in the thread' });
    await reply.fill('on that matter');
    await reply.press('Enter');
    await alice.page.locator('.thread article', { hasText: 'on that matter' }).waitFor();
    await bob.message('on that matter').locator('.quote').click();
    await bob.page.locator('.thread article', { hasText: 'message 0' }).waitFor();
    for (const tab of [alice, bob]) await tab.page.getByRole('button', { name: 'Close' }).click();
  });

  it('suggests members after @, and marks the mentioned one', async () => {
    await bob.enter(GROUP);
    await alice.enter('Bob');
    await bob.field.pressSequentially('come @al');
    await bob.page.getByRole('option', { name: 'Alice' }).waitFor();
    await bob.field.press('Enter');
    expect(await bob.field.inputValue()).to.equal('come @alice ');
    await bob.field.press('Enter');
    await alice.entry(GROUP).locator('[data-mentioned]').waitFor();
    await alice.enter(GROUP);
    await alice.message('come').locator('.mention.mine', { hasText: '@Alice' }).waitFor();
    await alice.entry(GROUP).locator('[data-mentioned]').waitFor({ state: 'detached' });
  });

  it('shows the text of a message as text, and links only to the web', async () => {
    await bob.say(`${HOSTILE} https://example.org/a_(b), javascript:alert(1) data:text/html,x`);
    const shown = alice.message('onerror').locator('.body');
    await shown.waitFor();
    expect(await shown.textContent()).to.include(HOSTILE);
    expect(await shown.locator('img, script').count()).to.equal(0);
    const links = shown.locator('a');
    expect(await links.count()).to.equal(1);
    expect(await links.getAttribute('href')).to.equal('https://example.org/a_(b)');
    expect(await links.getAttribute('rel')).to.equal('noopener noreferrer nofollow');
    expect(await alice.page.title()).to.match(/Parley$/);
  });

  it('creates a group, adds and removes a member, who then sees nothing more', async () => {
    const carol = await tabOf('Carol');
    await alice.page.getByRole('button', { name: 'New chat' }).click();
    const dialog = alice.page.getByRole('dialog', { name: 'New chat' });
    await dialog.getByLabel('Title').fill('Garden');
    const members = dialog.getByLabel('Members');
    await members.fill('bo');
    await dialog.getByRole('option', { name: 'Bob' }).click();
    await dialog.getByRole('button', { name: 'Create' }).click();
    await alice.page.getByRole('heading', { level: 2, name: 'Garden' }).waitFor();
    await alice.page.getByRole('button', { name: 'Members' }).click();
    const panel = alice.page.getByRole('region', { name: 'Members' });
    await panel.getByLabel('Add members').fill('carol');
    await panel.getByLabel('Add members').press('Enter');
    await panel.getByRole('button', { name: 'Add', exact: true }).click();
    await carol.enter('Garden');
    await alice.say('the beans grow');
    await carol.sees('the beans grow');

    await panel.getByRole('button', { name: 'Remove Carol' }).click();
    await carol.page.getByText('You are not in “Garden” any more.').waitFor();
    await alice.say('only for us');
    await bob.enter('Garden');
    await bob.sees('only for us');
    await carol.entry('Garden').waitFor({ state: 'detached' });
    // Neither now nor after a new start.
    await carol.page.reload();
    await carol.live();
    expect(await carol.entry('Garden').count()).to.equal(0);
    const stored = await carol.page.evaluate(
      `(async () => {
        const [{ name }] = await indexedDB.databases();
        const answer = (request) => new Promise((resolve) => { request.onsuccess = () => resolve(request.result); });
        const database = await answer(indexedDB.open(name));
        const all = await answer(database.transaction('messages').objectStore('messages').getAll());
        database.close();
        return all.map(({ body }) => body);
      })()`,
    );
    expect(stored).to.be.an('array').that.is.not.empty.and.does.not.include('the beans grow');
    expect(carol.complaints).to.deep.equal([]);
    await carol.close();
  });

  it('shows the reason of a refusal, and explains it', async () => {
    await bob.enter('Garden');
    await bob.page.getByRole('button', { name: 'Members' }).click();
    await bob.page.getByRole('button', { name: 'Remove Alice' }).click();
    const notice = bob.page.locator('.notice.refused');
    await notice.getByText('The policy does not permit this').waitFor();
    await notice.getByRole('button', { name: 'Why?' }).click();
    await notice.locator('.faint').first().waitFor();
    await notice.getByRole('button', { name: 'Dismiss' }).click();
    await bob.page.getByRole('button', { name: 'Close' }).click();
  });

  it('searches, marks the matches, and opens the message', async () => {
    await alice.page.locator('.chats').getByRole('button', { name: 'Search' }).click();
    const field = alice.page.getByRole('searchbox', { name: 'Search messages' });
    await field.fill('scones');
    const found = alice.page.locator('.found li', { hasText: GROUP });
    expect(await found.locator('mark').textContent()).to.equal('scones');
    await found.getByRole('button').click();
    await alice.page.getByRole('heading', { level: 2, name: GROUP }).waitFor();
    await alice.message('scones').and(alice.page.locator('.target')).waitFor();
    await field.fill('nobody-said-this');
    await alice.page.getByText('Nothing found.').waitFor();
    // The button of the conversation searches there.
    await alice.page.getByRole('button', { name: 'Search in this chat' }).click();
    expect(await alice.page.getByRole('checkbox', { name: `Only in ${GROUP}` }).isChecked()).to.equal(true);
    await alice.page.getByRole('button', { name: 'Search in this chat' }).click();
    await field.waitFor({ state: 'detached' });
  });

  it('loses nothing while the network is cut, also when it is used meanwhile', async () => {
    await alice.enter('Bob');
    await bob.enter('Alice');
    network?.cut();
    await bob.page.locator('.connection', { hasText: 'No connection' }).waitFor();
    await bob.say('first while away');
    await bob.say('second while away');
    await alice.say('said to one who is away');
    await bob.eventually('two that wait', async () => (await bob.page.locator('.waiting').count()) === 2);
    network?.restore();
    await bob.live();
    await alice.sees('second while away');
    await bob.sees('said to one who is away');
    await bob.eventually('one list', async () => {
      expect(await bob.texts()).to.deep.equal(await alice.texts());
      expect((await bob.texts()).filter((text) => /while away/.test(text))).to.have.length(2);
      return true;
    });
  });

  it('shows everything again after a reload, and sends what waited', async () => {
    const before = await bob.texts();
    network?.cut();
    await bob.say('written before the reload');
    network?.restore();
    await bob.page.reload();
    await bob.live();
    await alice.sees('written before the reload');
    await bob.eventually('the same messages', async () => {
      expect(await bob.texts()).to.deep.equal([...before, 'written before the reload']);
      return true;
    });
    // The quoted message comes from the copy, and the end stays in sight.
    await bob.page.locator('.quote', { hasText: 'are you there?' }).waitFor();
    await bob.eventually('the end in sight', () => bob.isAtEnd());
    await bob.page.waitForSelector('.waiting', { state: 'detached' });
  });

  it('is operated by the keyboard alone', async () => {
    const tab = await tabOf('Carol');
    const { keyboard } = tab.page;
    await tab.entry(GROUP).focus();
    await keyboard.press('Enter');
    await tab.field.waitFor();
    await tab.eventually('the focus in the field', async () =>
      tab.page.evaluate(`document.activeElement.matches('.conversation textarea')`),
    );
    await keyboard.type('typed by Carol');
    await keyboard.press('Enter');
    await tab.sees('typed by Carol');
    await keyboard.press('ArrowUp');
    await tab.page.getByText('Edit message').waitFor();
    await keyboard.press('Escape');
    await keyboard.press('Shift+Tab');
    const focused = () =>
      tab.page.evaluate(`document.activeElement.closest('article')?.textContent ?? ''`) as Promise<string>;
    await keyboard.press('ArrowUp');
    await tab.eventually('the last message', async () => (await focused()).includes('typed by Carol'));
    await keyboard.press('ArrowUp');
    await tab.eventually('the message before', async () => (await focused()).includes('onerror'));
    await keyboard.press('ArrowDown');
    await tab.eventually('the last message again', async () => (await focused()).includes('typed by Carol'));
    for (const key of ['Enter', 'Enter']) await keyboard.press(key);
    await tab.message('typed by Carol').getByRole('button', { name: 'React with 👍' }).waitFor();
    await keyboard.press('Escape');
    await tab.close();
  });

  for (const colorScheme of ['light', 'dark'] as const)
    it(`has no fault that axe-core finds, ${colorScheme}`, async () => {
      const tab = await ChatTab.open(browser as Browser, banner.base, { colorScheme, reducedMotion: 'reduce' });
      await tab.page.getByRole('button', { name: 'Alice' }).waitFor();
      await tab.expectAccessible('sign-in');
      await tab.page.getByRole('button', { name: 'Alice' }).click();
      await tab.live();
      await tab.expectAccessible('chats');
      await tab.enter('Bob');
      await tab.sees('first while away');
      await tab.message('message 0').first().hover();
      await tab.expectAccessible('conversation');
      await tab.act('message 0', 'Thread');
      await tab.page.locator('.thread article').first().waitFor();
      await tab.expectAccessible('thread');
      await tab.enter(GROUP);
      await tab.page.getByRole('button', { name: 'Members' }).click();
      await tab.page.locator('[data-member=bob]').waitFor();
      await tab.expectAccessible('members');
      await tab.page.locator('.chats').getByRole('button', { name: 'Search' }).click();
      await tab.page.getByRole('searchbox').fill('scones');
      await tab.page.locator('.found mark').waitFor();
      await tab.expectAccessible('search');
      await tab.page.getByRole('button', { name: 'New chat' }).click();
      await tab.expectAccessible('new chat');
      expect(tab.complaints).to.deep.equal([]);
      await tab.close();
    });

  it(`fits a screen of ${PHONE.width} pixels`, async () => {
    const tab = await tabOf('Alice', { viewport: PHONE, hasTouch: true, isMobile: true, reducedMotion: 'reduce' });
    const overflow = () => tab.page.evaluate('document.documentElement.scrollWidth - window.innerWidth');
    await tab.entry(GROUP).waitFor();
    expect(await overflow()).to.equal(0);
    await tab.expectAccessible('chats on a phone');
    await tab.entry(GROUP).tap();
    await tab.field.waitFor();
    await tab.eventually('the end in sight', () => tab.isAtEnd());
    expect(await tab.entry(GROUP).isVisible()).to.equal(false);
    await tab.say('from a phone, with a word that is long: '.concat('x'.repeat(80)));
    await tab.sees('from a phone');
    expect(await overflow()).to.equal(0);
    const widths = (await tab.page.evaluate(
      `[...document.querySelectorAll('.conversation .bubble, .conversation .bar, .composer')].map(
        (part) => part.getBoundingClientRect().right,
      )`,
    )) as number[];
    expect(Math.max(...widths)).to.be.at.most(PHONE.width);
    await tab.expectAccessible('conversation on a phone');
    await tab.message('from a phone').tap();
    await tab.message('from a phone').getByRole('button', { name: 'Thread' }).tap();
    await tab.page.locator('.thread article').waitFor();
    expect(await tab.field.isVisible()).to.equal(false);
    expect(await overflow()).to.equal(0);
    await tab.page.getByRole('button', { name: 'Close' }).tap();
    await tab.page.getByRole('button', { name: 'Back to the chats' }).tap();
    await tab.entry(GROUP).waitFor();
    await tab.close();
  });

  it('forgets the user after signing out', async () => {
    const tab = await tabOf('Carol');
    await tab.page.getByRole('button', { name: 'Sign out' }).click();
    await tab.page.getByRole('button', { name: 'Carol' }).waitFor();
    await tab.eventually('the end of the copy', async () =>
      tab.page.evaluate(
        '(async () => (await indexedDB.databases()).length + localStorage.length + sessionStorage.length === 0)()',
      ),
    );
    await tab.close();
  });

  it('takes a pasted token, and says when it is not one', async () => {
    const tab = await ChatTab.open(browser as Browser, banner.base);
    await tab.page.getByText('Use a token').click();
    await tab.page.getByLabel('Access token').fill('nonsense');
    await tab.page.getByRole('button', { name: 'Continue' }).click();
    await tab.page.getByText('This is not a JSON Web Token').waitFor();
    await tab.page.getByLabel('Access token').fill(banner.token);
    await tab.page.getByRole('button', { name: 'Continue' }).click();
    await tab.live();
    await tab.entry('Bob').waitFor();
    await tab.close();
  });

  it('stays within its content security policy, and causes no error', async () => {
    const { headers } = await fetch(`${banner.base}/chat/`);
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy).to.include("default-src 'none'").and.to.include("script-src 'self';");
    expect(policy).to.not.include('unsafe');
    for (const tab of [alice, bob]) expect(tab.complaints).to.deep.equal([]);
  });
});
