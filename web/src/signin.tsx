/* Signing in, and making the first account with the link that was printed. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { setUp, signIn } from "./api";
import type { Session } from "./api";
import { Title } from "./ui";

const Brand = (): JSX.Element => (
	<p class="brand big">
		<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M8 1 2 3.5V8c0 3.6 2.6 6 6 7 3.4-1 6-3.4 6-7V3.5z" /><path class="cross" d="M7 5h2v2h2v2H9v2H7V9H5V7h2z" /></svg>
		Hemostat
	</p>
);

export function SignIn({ session, entered }: { session: Session; entered: (s: Session) => void }): JSX.Element {
	const token = location.hash.startsWith("#/setup/") ? location.hash.slice(8) : "";
	const first = session.setup;
	const [name, setName] = useState("");
	const [password, setPassword] = useState("");
	const [again, setAgain] = useState("");
	const [link, setLink] = useState(token);
	const [error, setError] = useState("");
	const [busy, setBusy] = useState(false);
	const go = async (e: Event): Promise<void> => {
		e.preventDefault();
		if (first && password !== again) {
			setError("The two passwords are not the same.");
			return;
		}
		setBusy(true);
		try {
			const s = first ? await setUp(link.trim(), name, password) : await signIn(name, password);
			if (first) location.hash = "#/today";
			entered(s);
		} catch (why) {
			setError((why as Error).message);
			setBusy(false);
		}
	};
	return (
		<main class="signin" id="main">
			<Brand />
			{session.site && <p class="site">{session.site}</p>}
			<Title>{first ? "Make the first account" : "Sign in"}</Title>
			{first && <p>This account is an administrator. It can make accounts for everybody else, each with the rights they need.</p>}
			<form onSubmit={go}>
				{first && !token && (
					<label>
						One-time code
						<input value={link} required autocomplete="off" spellcheck={false} onInput={(e) => setLink(e.currentTarget.value)} aria-describedby="code-help" />
						<span class="help" id="code-help">The end of the link that Hemostat printed when it started.</span>
					</label>
				)}
				<label>
					Name
					<input value={name} required maxLength={31} pattern="[a-z][a-z0-9._\-]*" autocomplete="username" autocapitalize="none" spellcheck={false}
						onInput={(e) => setName(e.currentTarget.value)} {...(first ? { "aria-describedby": "name-help" } : {})} />
					{first && <span class="help" id="name-help">Small letters, digits, dot, dash. For example: anna.keller</span>}
				</label>
				<label>
					Password
					<input type="password" value={password} required maxLength={128} autocomplete={first ? "new-password" : "current-password"}
						onInput={(e) => setPassword(e.currentTarget.value)} {...(first ? { "aria-describedby": "pass-help", minLength: 12 } : {})} />
					{first && <span class="help" id="pass-help">At least 12 characters. Three or four unrelated words are easy to keep and hard to guess.</span>}
				</label>
				{first && (
					<label>
						Password again
						<input type="password" value={again} required maxLength={128} autocomplete="new-password" onInput={(e) => setAgain(e.currentTarget.value)} />
					</label>
				)}
				{error && <p class="error" role="alert">{error}</p>}
				<button type="submit" class="primary" disabled={busy}>{busy ? "One moment…" : first ? "Make the account" : "Sign in"}</button>
			</form>
			<p class="help">This page comes from this machine and talks to nothing else. Hemostat {session.version}</p>
		</main>
	);
}
