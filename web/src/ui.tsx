/* Small parts that every page uses. */
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Problem } from "./api";
import { time, when } from "./format";

export const Time = ({ at, long }: { at: string | null | undefined; long?: boolean }): JSX.Element =>
	at ? <time dateTime={at} title={at}>{long ? time(at) : when(at)}</time> : <span>not yet</span>;

const severities: Record<string, string> = { critical: "Critical", high: "High", medium: "Medium", low: "Low", info: "Info" };

/* Told by word and shape, not by colour alone. */
export const Severity = ({ of }: { of: string }): JSX.Element => (
	<span class={"badge sev-" + of}><span aria-hidden="true" class="shape" />{severities[of] ?? of}</span>
);

const states: Record<string, string> = {
	staged: "New", approved: "Approved", blocked: "Blocked", retired: "Retired", open: "Open", closed: "Closed", accepted: "Accepted",
	enabled: "Enabled", disabled: "Disabled",
};
export const State = ({ of }: { of: string }): JSX.Element => <span class={"badge state-" + of}>{states[of] ?? of}</span>;

export const Protection = ({ on }: { on: boolean }): JSX.Element =>
	on ? <span class="badge state-approved">Encrypted</span> : <span class="badge sev-medium">Clear text</span>;

export function Failed({ error, again }: { error: Problem; again?: () => void }): JSX.Element {
	return (
		<div class="notice bad" role="alert">
			<p>{error.message}</p>
			{again && <button type="button" onClick={again}>Try again</button>}
		</div>
	);
}

export const Waiting = (): JSX.Element => <p class="waiting" role="status">Reading…</p>;

export const Empty = ({ children }: { children: ComponentChildren }): JSX.Element => <div class="empty">{children}</div>;

/* The page's heading takes the focus when the page changes, so that a screen reader says where one is. */
export function Title({ children, aside }: { children: ComponentChildren; aside?: ComponentChildren }): JSX.Element {
	const ref = useRef<HTMLHeadingElement>(null);
	useEffect(() => ref.current?.focus({ preventScroll: true }), []);
	return (
		<div class="title">
			<h1 tabIndex={-1} ref={ref}>{children}</h1>
			{aside && <div class="aside">{aside}</div>}
		</div>
	);
}

export const Card = ({ title, children, id, more }: { title: string; children: ComponentChildren; id: string; more?: ComponentChildren }): JSX.Element => (
	<section class="card" aria-labelledby={id}>
		<div class="cardhead"><h2 id={id}>{title}</h2>{more}</div>
		{children}
	</section>
);

/* Asks for a reason before something is changed. */
export function Ask(props: { title: string; text: string; action: string; reason: boolean; danger?: boolean; done: () => void; run: (reason: string) => Promise<unknown> }): JSX.Element {
	const ref = useRef<HTMLDialogElement>(null);
	const [reason, setReason] = useState("");
	const [error, setError] = useState("");
	const [busy, setBusy] = useState(false);
	useEffect(() => ref.current?.showModal(), []);
	const go = async (e: Event): Promise<void> => {
		e.preventDefault();
		setBusy(true);
		try {
			await props.run(reason.trim());
			props.done();
		} catch (why) {
			setError((why as Error).message);
			setBusy(false);
		}
	};
	return (
		<dialog ref={ref} aria-labelledby="ask-title" onClose={props.done}>
			<form onSubmit={go}>
				<h2 id="ask-title">{props.title}</h2>
				<p>{props.text}</p>
				<label>
					Reason{props.reason ? "" : " (kept with the decision)"}
					<textarea value={reason} required={props.reason} minLength={3} maxLength={180} rows={3}
						onInput={(e) => setReason(e.currentTarget.value)} />
				</label>
				{error && <p class="error" role="alert">{error}</p>}
				<div class="buttons">
					<button type="button" onClick={props.done}>Cancel</button>
					<button type="submit" class={props.danger ? "danger" : "primary"} disabled={busy}>{props.action}</button>
				</div>
			</form>
		</dialog>
	);
}

export function Choice({ label, value, set, options }: { label: string; value: string; set: (v: string) => void; options: [string, string][] }): JSX.Element {
	return (
		<label class="choice">
			<span>{label}</span>
			<select value={value} onChange={(e) => set(e.currentTarget.value)}>
				{options.map(([v, text]) => <option value={v} key={v}>{text}</option>)}
			</select>
		</label>
	);
}

/* A text field that tells what was typed once the typing pauses. */
export function Search({ label, value, set }: { label: string; value: string; set: (v: string) => void }): JSX.Element {
	const timer = useRef(0);
	useEffect(() => () => window.clearTimeout(timer.current), []);
	return (
		<label class="choice grow">
			<span>{label}</span>
			<input type="search" defaultValue={value} maxLength={100} onInput={(e) => {
				const v = e.currentTarget.value;
				window.clearTimeout(timer.current);
				timer.current = window.setTimeout(() => set(v), 300);
			}} />
		</label>
	);
}

export function Facts({ rows }: { rows: [string, ComponentChildren][] }): JSX.Element {
	return (
		<dl class="facts">
			{rows.filter(([, v]) => v !== null && v !== undefined && v !== "").map(([k, v]) => (
				<div key={k}><dt>{k}</dt><dd>{v}</dd></div>
			))}
		</dl>
	);
}

/* Filters live in the address, so that a view can be sent to a colleague. */
export function useFilters<T extends Record<string, string>>(start: T): [T, (k: keyof T, v: string) => void] {
	const read = (): T => {
		const q = new URLSearchParams(location.hash.split("?")[1] ?? "");
		const out = { ...start };
		for (const k of Object.keys(start)) {
			const v = q.get(k);
			if (v !== null) (out as Record<string, string>)[k] = v;
		}
		return out;
	};
	const [values, set] = useState<T>(read);
	return [values, (k, v) => {
		const now = { ...values, [k]: v };
		const q = new URLSearchParams();
		for (const [key, value] of Object.entries(now)) if (value !== start[key]) q.set(key, value);
		const text = q.toString();
		history.replaceState(null, "", location.hash.split("?")[0] + (text ? "?" + text : ""));
		set(now);
	}];
}
