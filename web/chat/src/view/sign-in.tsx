import { useState } from 'preact/hooks';
import { beginSignIn } from '../model/oidc.js';
import type { PageSettings, SignIn } from '../model/sign-in.js';
import { colourOf, initials } from './person.js';

interface SignInProps {
  settings: PageSettings;
  /** Why the last one failed. */
  failure: string;
  onSignIn(signIn: SignIn): void;
}

export function SignInView({ settings: { demoUsers, oidc }, failure, onSignIn }: SignInProps) {
  const [token, setToken] = useState('');
  const [fault, setFault] = useState(failure);
  const capitalized = (name: string) => name.charAt(0).toUpperCase() + name.slice(1);
  return (
    <main class="sign-in">
      <div class="card">
        <img src="./icon.svg" alt="" width="56" height="56" />
        <h1>Parley</h1>
        {demoUsers.length > 0 && (
          <>
            <p>Who are you? Open this page in a second tab to be somebody else.</p>
            <ul class="users">
              {demoUsers.map((userId) => (
                <li key={userId}>
                  <button type="button" onClick={() => onSignIn({ kind: 'demo', userId })}>
                    <span class={`avatar big colour-${colourOf(userId)}`} aria-hidden="true">
                      {initials(userId)}
                    </span>
                    {capitalized(userId)}
                  </button>
                </li>
              ))}
            </ul>
          </>
        )}
        {oidc !== null && (
          <button
            type="button"
            class="primary"
            onClick={() => beginSignIn(oidc).catch((error: unknown) => setFault(String(error)))}
          >
            Sign in
          </button>
        )}
        <details open={demoUsers.length === 0 && oidc === null}>
          <summary>Use a token</summary>
          <form
            onSubmit={(event) => {
              event.preventDefault();
              const given = token.trim().replace(/^Bearer\s+/i, '');
              if (given.split('.').length === 3) onSignIn({ kind: 'pasted', token: given });
              else setFault('This is not a JSON Web Token: it has three parts with full stops between them.');
            }}
          >
            <label>
              Access token
              <textarea
                rows={4}
                spellcheck={false}
                autocomplete="off"
                value={token}
                onInput={(event) => setToken(event.currentTarget.value)}
              />
            </label>
            <button type="submit" class="primary">
              Continue
            </button>
          </form>
        </details>
        {fault !== '' && (
          <p class="fault" role="alert">
            {fault}
          </p>
        )}
      </div>
    </main>
  );
}
