/* Talking to the API: one place for the session's token, problems, pages and live updates. */
import { useEffect, useRef, useState } from "preact/hooks";

export interface Session {
	account: string | null;
	role: string | null;
	csrf: string | null;
	setup: boolean;
	site: string;
	version: string;
	idle_seconds: number;
	may: string[];
}

export class Problem extends Error {
	constructor(public status: number, message: string) {
		super(message);
	}
}

export interface Page<T> {
	items: T[];
	next: string | null;
}

let csrf = "";
let signedOut = (): void => {};

export function onSignedOut(fn: () => void): void {
	signedOut = fn;
}

async function ask(method: string, path: string, body?: object, more: Record<string, string> = {}): Promise<Response> {
	const headers: Record<string, string> = { Accept: "application/json", ...more };
	if (method !== "GET" && csrf) headers["X-CSRF-Token"] = csrf;
	if (body) headers["Content-Type"] = "application/json";
	let answer: Response;
	try {
		answer = await fetch("/api/v1" + path, {
			method, headers, credentials: "same-origin", cache: "no-store", ...(body ? { body: JSON.stringify(body) } : {}),
		});
	} catch {
		throw new Problem(0, "Hemostat does not answer. Is it running?");
	}
	if (!answer.ok) {
		const told = await answer.json().catch(() => ({}));
		if (answer.status === 401 && path !== "/session") signedOut();
		throw new Problem(answer.status, told.detail ?? answer.statusText);
	}
	return answer;
}

async function session(answer: Response): Promise<Session> {
	const s: Session = await answer.json();
	csrf = s.csrf ?? "";
	return s;
}

export const whoAmI = async (): Promise<Session> => session(await ask("GET", "/session"));
export const signIn = async (name: string, password: string): Promise<Session> =>
	session(await ask("POST", "/session", { name, password }));
export const setUp = async (token: string, name: string, password: string): Promise<Session> =>
	session(await ask("POST", "/setup", { token, name, password }));
export const changePassword = async (old: string, password: string): Promise<Session> =>
	session(await ask("POST", "/session/password", { old, password }));
export async function signOut(): Promise<void> {
	await ask("DELETE", "/session");
	csrf = "";
}

export async function get<T>(path: string, background = false): Promise<T> {
	return (await ask("GET", path, undefined, background ? { "X-Background": "1" } : {})).json();
}

export const post = async <T>(path: string, body: object): Promise<T> => (await ask("POST", path, body)).json();

/* Change what was just looked at: the ETag of now goes along, so nobody's change is lost. */
export async function patch<T>(path: string, body: object): Promise<T> {
	const tag = (await ask("GET", path)).headers.get("ETag") ?? "";
	return (await ask("PATCH", path, body, { "If-Match": tag })).json();
}

export const query = (values: Record<string, string | number | undefined | null>): string => {
	const q = new URLSearchParams();
	for (const [k, v] of Object.entries(values)) if (v !== undefined && v !== null && v !== "") q.set(k, String(v));
	const text = q.toString();
	return text ? "?" + text : "";
};

/* Every page of a list, up to a bound. */
export async function all<T>(path: string, most = 50000): Promise<T[]> {
	const rows: T[] = [];
	let cursor: string | null = "";
	while (cursor !== null && rows.length < most) {
		const page: Page<T> = await get(path + (path.includes("?") ? "&" : "?") + "limit=500" + (cursor ? "&cursor=" + encodeURIComponent(cursor) : ""));
		rows.push(...page.items);
		cursor = page.next;
	}
	return rows;
}

/* --- live --- */

type Heard = (kind: string) => void;
const hearers = new Set<Heard>();
let source: EventSource | null = null;
export let live = false;
const liveHearers = new Set<(on: boolean) => void>();

export function listen(): void {
	source?.close();
	source = new EventSource("/api/v1/stream");
	const setLive = (on: boolean): void => {
		live = on;
		liveHearers.forEach((f) => f(on));
	};
	source.onopen = () => setLive(true);
	source.onerror = () => setLive(false);
	for (const kind of ["device", "finding", "capture", "process", "progress"])
		source.addEventListener(kind, () => hearers.forEach((f) => f(kind)));
}

export function deafen(): void {
	source?.close();
	source = null;
}

export function useLive(): boolean {
	const [on, set] = useState(live);
	useEffect(() => {
		liveHearers.add(set);
		return () => void liveHearers.delete(set);
	}, []);
	return on;
}

export interface Loaded<T> {
	data: T | null;
	error: Problem | null;
	again: () => void;
}

/* What an address says, asked again when something of `kinds` happened (at most every two seconds). */
export function useData<T>(path: string | null, kinds: string[] = ["progress"], load?: () => Promise<T>): Loaded<T> {
	const [state, set] = useState<{ path: string | null; data: T | null; error: Problem | null }>({ path, data: null, error: null });
	const [turn, next] = useState(0);
	const background = useRef(false);
	useEffect(() => {
		if (path === null) return;
		let current = true;
		(load ? load() : get<T>(path, background.current))
			.then((data) => current && set({ path, data, error: null }))
			.catch((error: Problem) => current && set({ path, data: null, error }));
		background.current = false;
		return () => void (current = false);
	}, [path, turn]);
	useEffect(() => {
		let timer = 0;
		const hear = (kind: string): void => {
			if (!kinds.includes(kind) || timer || document.hidden) return;
			timer = window.setTimeout(() => {
				timer = 0;
				background.current = true;
				next((t) => t + 1);
			}, 2000);
		};
		hearers.add(hear);
		return () => {
			hearers.delete(hear);
			window.clearTimeout(timer);
		};
	}, [kinds.join()]);
	const same = state.path === path;
	return { data: same ? state.data : null, error: same ? state.error : null, again: () => next((t) => t + 1) };
}

/* --- what the API gives --- */

export interface Work {
	detector: string; severity: string; findings: number; devices: number; first: number; meaning: string; why: string; todo: string;
}
export interface Summary {
	site: string; from: string; to: string; past: boolean; devices: number; staged: number; blocked: number; messages: number;
	links: number; clinical_links: number; clear_links: number; findings: number; open: Record<string, number>;
	sources: number; sources_live: number; packets: number; dropped: number; last_packet?: string; events: number;
	stored_bytes: number; work: Work[];
}
export interface Device {
	id: number; state: string; class: string; maker: string; model: string; serial: string; software: string; os: string;
	hostname: string; addresses: string; first_seen: string; last_seen: string;
}
export interface Evidence {
	source: number; packet: number; flow?: number; dir?: string; offset?: number;
}
export interface Claim {
	attr: string; value: string; source: string; confidence: number; behind: boolean; count: number; first_seen: string;
	last_seen: string; ip: string; evidence: Evidence;
}
export interface DeviceDetail {
	id: number; state: string; class: string; maker: string | null; model: string | null; serial: string | null;
	software: string | null; hardware: string | null; firmware: string | null; os: string | null; hostname: string | null;
	udi: string | null; name: string | null; clinical: boolean; conflicts: unknown[]; first_seen: string; last_seen: string;
	addresses: { ip?: string; mac?: string; evidence: string; former: boolean; first_seen: string; last_seen: string }[];
	protocols: string[]; claims: Claim[];
	links: { id: number; role: string; protocol: string; port: number; peer_ip: string; peer?: number; messages: number; last_seen: string }[];
}
export interface Finding {
	id: number; detector: string; severity: string; state: string; technique: string; device?: number; ip?: string; peer?: string;
	cause: string; text: string; meaning: string; why: string; todo: string; count: number; first_seen: string; last_seen: string;
	evidence: Evidence;
}
export interface Link {
	link: number; id: number; proto: string; protocol: string; clinical: boolean; client: string; server: string; port: number;
	transport: string; app?: string; messages: number; results: number; flows: number; bytes: number; encrypted: boolean;
	first_seen: string; last_seen: string;
}
export interface Message {
	id: number; time: string; link: number; client: string; server: string; port: number; dir: string; proto: string; type: string;
	sender: string; category: string; version: string; receiver: string; ack: string; size: number; phi: number;
	n_results: number; anomalies: number; cut: boolean; malformed: boolean;
}
export interface Result {
	code?: string; name?: string; value?: string; value_hash?: string; units?: string; range?: string; flags?: string; status?: string; offset: number;
	corrects?: number;
}
export interface MessageDetail extends Message {
	source: number; packet: number; flow: number; offset: number; carrier: string; results_hidden: boolean; results: Result[];
}
export interface ResultRow {
	id: number; time: string; link: number; client: string; server: string; dir: string; proto: string; type: string; sender: string; result: Result;
}
export interface Source {
	number: number; kind: string; name: string; started: string; ended: string | null; packets: number; bytes: number; dropped: number;
}
export interface Hour {
	start: string; sub: string; n: number; bytes: number;
}
export interface EventRow {
	id: number; time: string; kind: string; source: number; packet: number; flow: number; offset: number; link: number; fields: Record<string, unknown>;
}
export interface Account {
	name: string; role: string; state: string; created: string; changed: string;
}
