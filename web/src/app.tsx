/* The frame: who is signed in, where one is, how it looks. A page is one entry in `pages`. */
import { render } from "preact";
import type { ComponentType, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { deafen, listen, onSignedOut, signOut, useLive, whoAmI } from "./api";
import type { Session } from "./api";
import { DevicePage, Devices } from "./devices";
import { Events } from "./events";
import { FindingPage, Findings } from "./findings";
import { People, Settings } from "./people";
import { SignIn } from "./signin";
import { Today } from "./today";
import { MessagePage, Traffic } from "./traffic";
import { Failed, Waiting, Title } from "./ui";

interface Frame {
	session: Session; rest: string[]; theme: string; setTheme: (t: string) => void; entered: (s: Session) => void;
}
interface Entry {
	id: string; name?: string; needs: string; page: (f: Frame) => JSX.Element;
}

/* The map brings its own code: it comes when it is first opened. */
function Later({ load }: { load: () => Promise<{ default: ComponentType }> }): JSX.Element {
	const [Page, set] = useState<ComponentType | null>(null);
	const [failed, fail] = useState(false);
	useEffect(() => {
		load().then((m) => set(() => m.default)).catch(() => fail(true));
	}, []);
	return failed ? <p class="notice bad">This page could not be loaded.</p> : Page ? <Page /> : <Waiting />;
}

const pages: Entry[] = [
	{ id: "today", name: "Today", needs: "read", page: (f) => <Today theme={f.theme} /> },
	{ id: "map", name: "Map", needs: "read", page: () => <Later load={() => import("./graph")} /> },
	{ id: "devices", name: "Devices", needs: "read", page: (f) => f.rest[0] ? <DevicePage key={f.rest[0]} id={f.rest[0]} may={f.session.may} /> : <Devices /> },
	{ id: "traffic", name: "Traffic", needs: "read", page: (f) => <Traffic tab={f.rest[0] ?? "links"} may={f.session.may} /> },
	{ id: "messages", needs: "read", page: (f) => <MessagePage key={f.rest[0]} id={f.rest[0] ?? ""} /> },
	{ id: "findings", name: "Findings", needs: "read", page: (f) => f.rest[0] ? <FindingPage key={f.rest[0]} id={f.rest[0]} may={f.session.may} /> : <Findings /> },
	{ id: "events", name: "Events", needs: "events", page: () => <Events /> },
	{ id: "people", name: "People", needs: "people_read", page: (f) => <People session={f.session} /> },
	{ id: "settings", name: "Settings", needs: "self", page: (f) => <Settings session={f.session} theme={f.theme} setTheme={f.setTheme} entered={f.entered} /> },
];

const allowed = (e: Entry, s: Session): boolean => e.needs === "self" || s.may.includes(e.needs);

function Top({ session, leave, at }: { session: Session; leave: () => void; at: string }): JSX.Element {
	const live = useLive();
	return (
		<header class="top">
			<a class="skip" href="#main" onClick={(e) => { e.preventDefault(); document.querySelector<HTMLElement>("h1")?.focus(); }}>To the content</a>
			<p class="brand">
				<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M8 1 2 3.5V8c0 3.6 2.6 6 6 7 3.4-1 6-3.4 6-7V3.5z" /><path class="cross" d="M7 5h2v2h2v2H9v2H7V9H5V7h2z" /></svg>
				Hemostat {session.site && <span class="site">{session.site}</span>}
			</p>
			<nav aria-label="Pages">
				{pages.filter((p) => p.name && allowed(p, session)).map((p) => (
					<a key={p.id} href={`#/${p.id}`} {...(p.id === at ? { "aria-current": "page" as const } : {})}>{p.name}</a>
				))}
			</nav>
			<div class="who">
				<span class={"live " + (live ? "on" : "")} title={live ? "Changes appear by themselves" : "Not connected: reload to see changes"}><span class="dot" aria-hidden="true" />{live ? "live" : "not live"}</span>
				<span class="name">{session.account} <span class="small">{session.role}</span></span>
				<button type="button" onClick={leave}>Sign out</button>
			</div>
		</header>
	);
}

function parse(): { id: string; rest: string[]; text: string } {
	const text = location.hash.replace(/^#\/?/, "");
	const [id, ...rest] = (text.split("?")[0] ?? "").split("/").map(decodeURIComponent);
	return { id: id || "today", rest: rest.filter(Boolean), text };
}

function App(): JSX.Element {
	const [session, setSession] = useState<Session | null>(null);
	const [error, setError] = useState<Error | null>(null);
	const [route, go] = useState(parse);
	const [theme, setTheme] = useState(() => {
		try {
			return localStorage.getItem("theme") ?? "auto";
		} catch {
			return "auto";
		}
	});
	useEffect(() => {
		document.documentElement.dataset.theme = theme;
		try {
			localStorage.setItem("theme", theme);
		} catch { /* it lasts as long as the page */ }
	}, [theme]);
	const load = (): void => void whoAmI().then(setSession).catch(setError);
	useEffect(() => {
		load();
		onSignedOut(load);
		const move = (): void => {
			go(parse());
			window.scrollTo(0, 0);
		};
		window.addEventListener("hashchange", move);
		go(parse()); /* it may have moved before we listened */
		return () => window.removeEventListener("hashchange", move);
	}, []);
	const signedIn = session?.account ?? null;
	useEffect(() => {
		if (signedIn) listen();
		return deafen;
	}, [signedIn]);
	const page = pages.find((p) => p.id === route.id);
	useEffect(() => {
		document.title = signedIn && page?.name ? `${page.name} · Hemostat` : "Hemostat";
	}, [page, signedIn]);
	if (error) return <main class="signin"><Failed error={error as never} again={() => location.reload()} /></main>;
	if (!session) return <Waiting />;
	if (!session.account) return <SignIn session={session} entered={setSession} />;
	const leave = async (): Promise<void> => {
		await signOut().catch(() => {});
		load();
	};
	return (
		<>
			<Top session={session} leave={() => void leave()} at={route.id === "messages" ? "traffic" : route.id} />
			<main id="main" key={route.text.split("?")[0]}>
				{page && allowed(page, session)
					? page.page({ session, rest: route.rest, theme, setTheme, entered: setSession })
					: <><Title>There is no such page</Title><p>Your role may not open it, or the address is wrong. <a href="#/today">To the first page</a></p></>}
			</main>
		</>
	);
}

document.documentElement.dataset.theme = "auto";
render(<App />, document.getElementById("app")!);
