/** A user's tab of the chat page, in a browser context of its own. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect } from 'chai';
import type { Browser, BrowserContext, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { eventually } from '../../support/eventually.js';

export const WITHIN_MS = 15_000;
const DESKTOP = { width: 1180, height: 760 };
/** A phone that is narrower than most. */
export const PHONE = { width: 360, height: 740 };

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

interface AxeResult {
  violations: { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }[];
}

export class ChatTab {
  /** What the browser complained about: scripts that failed, and what the content security policy refused. */
  readonly complaints: string[] = [];

  private constructor(
    readonly context: BrowserContext,
    readonly page: Page,
  ) {
    page.setDefaultTimeout(WITHIN_MS);
    page.on('pageerror', (error) => this.complaints.push(error.message));
    page.on('console', (message) => {
      // A lost connection is an error for the browser.
      if (message.type() === 'error' && !/ERR_|WebSocket|status of/.test(message.text()))
        this.complaints.push(message.text());
    });
  }

  static async open(browser: Browser, base: string, options: BrowserContextOptions = {}): Promise<ChatTab> {
    return ChatTab.in(await browser.newContext({ viewport: DESKTOP, locale: 'en-GB', ...options }), base);
  }

  static async in(context: BrowserContext, base: string): Promise<ChatTab> {
    const tab = new ChatTab(context, await context.newPage());
    await tab.page.goto(`${base}/chat`);
    return tab;
  }

  /** One of the users of `dev`. */
  static async of(browser: Browser, base: string, name: string, options?: BrowserContextOptions): Promise<ChatTab> {
    const tab = await ChatTab.open(browser, base, options);
    await tab.page.getByRole('button', { name }).click();
    await tab.live();
    return tab;
  }

  async close(): Promise<void> {
    await this.context.close();
  }

  /** Everything is there. */
  async live(): Promise<void> {
    await this.page.waitForSelector('[data-connection=live]', { state: 'attached' });
  }

  entry(title: string): Locator {
    return this.page.locator('.chat-entry', { has: this.page.locator('.title', { hasText: title }) });
  }

  async enter(title: string): Promise<void> {
    await this.entry(title).click();
    await this.page.getByRole('heading', { level: 2, name: title }).waitFor();
  }

  get field(): Locator {
    return this.page.locator('.conversation .composer textarea');
  }

  async say(text: string): Promise<void> {
    await this.field.fill(text);
    await this.field.press('Enter');
  }

  /** The message with this text, in the conversation. */
  message(text: string): Locator {
    return this.page.locator('.conversation article', { has: this.page.locator('.body', { hasText: text }) });
  }

  async sees(text: string): Promise<void> {
    await this.message(text).first().waitFor();
  }

  async texts(): Promise<string[]> {
    return this.page.locator('.conversation article .body').allTextContents();
  }

  /** Whether all of the last message is above the lower edge of the list. */
  isAtEnd(): Promise<boolean> {
    return this.page.evaluate(
      `(() => {
        const last = [...document.querySelectorAll('.conversation article .bubble')].at(-1).getBoundingClientRect();
        const space = document.querySelector('.conversation .space').getBoundingClientRect();
        const view = document.querySelector('.conversation .scroller').getBoundingClientRect();
        return last.bottom <= Math.min(space.bottom, view.bottom);
      })()`,
    );
  }

  /** Uses an action of a message, as with a mouse. */
  async act(text: string, action: string): Promise<void> {
    const message = this.message(text).first();
    await message.hover();
    await message.getByRole('button', { name: action, exact: true }).click();
  }

  /** Fails with what axe-core finds on the page as it is. */
  async expectAccessible(what: string): Promise<void> {
    // In a world of its own, to which the page's content security policy does not apply.
    const { violations } = (await this.page.evaluate(
      `(async () => { ${axeSource}; return await axe.run(document); })()`,
    )) as AxeResult;
    const found = violations.map(
      ({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('\n')}`,
    );
    expect(found, what).to.deep.equal([]);
  }

  async eventually<T>(what: string, check: () => Promise<T>): Promise<NonNullable<T>> {
    return eventually(check, { within: WITHIN_MS, what });
  }
}
