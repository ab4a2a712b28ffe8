import { signal } from '@preact/signals';
import { render } from 'preact';
import { ChatApp } from './model/chat-app.js';
import { currentSignIn, keepSignIn, loadSettings, type PageSettings, type SignIn, Tokens } from './model/sign-in.js';
import './style.css';
import { AppView } from './view/app.js';
import { SignInView } from './view/sign-in.js';

type Screen =
  | { kind: 'loading' }
  | { kind: 'failed'; reason: string }
  | { kind: 'signed-out'; settings: PageSettings; failure: string }
  | { kind: 'signed-in'; app: ChatApp; settings: PageSettings };

const screen = signal<Screen>({ kind: 'loading' });

async function open(settings: PageSettings, signIn: SignIn): Promise<void> {
  try {
    const app = await ChatApp.open(new Tokens(signIn, settings));
    screen.value = { kind: 'signed-in', app, settings };
  } catch (error) {
    screen.value = { kind: 'signed-out', settings, failure: `You could not be signed in: ${textOf(error)}` };
  }
}

async function signOut(app: ChatApp): Promise<void> {
  keepSignIn(null);
  await app.close(true);
  // A new page: nothing of the user stays in memory.
  location.replace(new URL('.', document.baseURI));
}

async function begin(): Promise<void> {
  let settings: PageSettings;
  try {
    settings = await loadSettings();
  } catch (error) {
    screen.value = { kind: 'failed', reason: textOf(error) };
    return;
  }
  try {
    const signIn = await currentSignIn(settings);
    if (signIn === null) screen.value = { kind: 'signed-out', settings, failure: '' };
    else await open(settings, signIn);
  } catch (error) {
    screen.value = { kind: 'signed-out', settings, failure: textOf(error) };
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function Root() {
  const { value: now } = screen;
  switch (now.kind) {
    case 'loading':
      return null;
    case 'failed':
      return (
        <main class="sign-in">
          <div class="card">
            <h1>Parley</h1>
            <p role="alert">The server cannot be reached: {now.reason}</p>
            <button type="button" class="primary" onClick={() => void begin()}>
              Try again
            </button>
          </div>
        </main>
      );
    case 'signed-out': {
      const { settings, failure } = now;
      const onSignIn = (signIn: SignIn) => {
        keepSignIn(signIn);
        screen.value = { kind: 'loading' };
        void open(settings, signIn);
      };
      return <SignInView settings={settings} failure={failure} onSignIn={onSignIn} />;
    }
    case 'signed-in':
      return <AppView app={now.app} onSignOut={() => void signOut(now.app)} />;
  }
}

render(<Root />, document.getElementById('app') as HTMLElement);
void begin();
