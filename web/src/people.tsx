/* Settings: how it looks, one's own password, sensors; and the people who may sign in. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { changePassword, patch, post, useData } from "./api";
import type { Account, Page, Session, Source, Summary } from "./api";
import { bytes, count } from "./format";
import { List } from "./table";
import type { Column } from "./table";
import { Sources } from "./today";
import { Ask, Card, Choice, Facts, State, Time, Title, Waiting } from "./ui";

export const roles: [string, string, string][] = [
	["viewer", "Viewer", "sees the state of the laboratory, no measured values"],
	["technician", "Technician", "sees devices, messages and results"],
	["biomedical", "Biomedical engineer", "looks after devices: approves, blocks, retires them"],
	["security", "Security", "judges findings and devices, reads every event"],
	["compliance", "Compliance", "closes findings with a reason, reads events, no measured values"],
	["auditor", "Auditor", "reads everything, changes nothing"],
	["administrator", "Administrator", "everything, people included"],
];
const roleName = (r: string): string => roles.find(([id]) => id === r)?.[1] ?? r;

function OwnPassword({ entered }: { entered: (s: Session) => void }): JSX.Element {
	const [old, setOld] = useState("");
	const [password, setPassword] = useState("");
	const [said, say] = useState<[string, string]>(["", ""]);
	const go = async (e: Event): Promise<void> => {
		e.preventDefault();
		try {
			entered(await changePassword(old, password));
			setOld("");
			setPassword("");
			say(["good", "Changed. Your other sessions have ended."]);
		} catch (why) {
			say(["error", (why as Error).message]);
		}
	};
	return (
		<form class="form" onSubmit={go}>
			<label>Old password<input type="password" required value={old} autocomplete="current-password" onInput={(e) => setOld(e.currentTarget.value)} /></label>
			<label>New password<input type="password" required minLength={12} maxLength={128} value={password} autocomplete="new-password" onInput={(e) => setPassword(e.currentTarget.value)} /></label>
			{said[1] && <p class={said[0]} role="status">{said[1]}</p>}
			<div><button type="submit">Change password</button></div>
		</form>
	);
}

export function Settings({ session, theme, setTheme, entered }: { session: Session; theme: string; setTheme: (t: string) => void; entered: (s: Session) => void }): JSX.Element {
	const s = useData<Summary>("/summary");
	const sources = useData<Page<Source>>("/sources?limit=100", ["capture", "process"]);
	return (
		<>
			<Title>Settings</Title>
			<div class="columns">
				<div>
					<Card title="Appearance" id="look">
						<Choice label="Colours" value={theme} set={setTheme} options={[["auto", "As the system"], ["light", "Light"], ["dark", "Dark"], ["contrast", "High contrast"]]} />
					</Card>
					<Card title="You" id="you">
						<Facts rows={[["Name", session.account], ["Role", roleName(session.role ?? "")], ["May", session.may.join(", ").replaceAll("_", " ")]]} />
						<OwnPassword entered={entered} />
					</Card>
				</div>
				<div>
					<Card title="Sensors" id="sensors">{sources.data ? <Sources rows={sources.data.items} /> : <Waiting />}</Card>
					<Card title="What is kept" id="kept">
						{s.data ? <Facts rows={[["Events", count(s.data.events)], ["On disk", bytes(s.data.stored_bytes)], ["Links", count(s.data.links)]]} /> : <Waiting />}
						<p class="small">Interfaces, zones, rates and retention are set in <code>hemostat.yaml</code> in the data directory; <code>hemostat config example</code> shows every key. Interface for programs: <a href="/api/v1/openapi.json">API description</a>, <a href="/metrics">metrics</a>.</p>
					</Card>
				</div>
			</div>
		</>
	);
}

function NewAccount({ made }: { made: () => void }): JSX.Element {
	const [name, setName] = useState("");
	const [role, setRole] = useState("viewer");
	const [password, setPassword] = useState("");
	const [error, setError] = useState("");
	const go = async (e: Event): Promise<void> => {
		e.preventDefault();
		try {
			await post("/accounts", { name, role, password });
			setName("");
			setPassword("");
			setError("");
			made();
		} catch (why) {
			setError((why as Error).message);
		}
	};
	return (
		<form class="form wide" onSubmit={go}>
			<label>Name<input value={name} required maxLength={31} pattern="[a-z][a-z0-9._\-]*" title="Small letters, digits, dot, dash" autocomplete="off" autocapitalize="none" onInput={(e) => setName(e.currentTarget.value)} /></label>
			<label>Role
				<select value={role} onChange={(e) => setRole(e.currentTarget.value)}>{roles.map(([id, n, text]) => <option value={id} key={id}>{n}: {text}</option>)}</select>
			</label>
			<label>First password<input type="password" required minLength={12} maxLength={128} value={password} autocomplete="new-password" onInput={(e) => setPassword(e.currentTarget.value)} /></label>
			{error && <p class="error" role="alert">{error}</p>}
			<div><button type="submit" class="primary">Make account</button></div>
		</form>
	);
}

export function People({ session }: { session: Session }): JSX.Element {
	const may = session.may.includes("people");
	const [turn, next] = useState(0);
	const [asking, ask] = useState<Account | null>(null);
	const [error, setError] = useState("");
	const change = async (a: Account, body: object): Promise<void> => {
		setError("");
		try {
			await patch(`/accounts/${a.name}`, body);
		} catch (why) {
			setError((why as Error).message);
		}
		next((t) => t + 1);
	};
	const columns: Column<Account>[] = [
		{ name: "Name", main: true, cell: (a) => a.name, raw: (a) => a.name },
		{ name: "Role", cell: (a) => may && a.name !== session.account
			? <select aria-label={`Role of ${a.name}`} value={a.role} onChange={(e) => void change(a, { role: e.currentTarget.value })}>{roles.map(([id, n]) => <option value={id} key={id}>{n}</option>)}</select>
			: roleName(a.role), raw: (a) => a.role },
		{ name: "State", cell: (a) => <State of={a.state} />, raw: (a) => a.state },
		{ name: "Made", cell: (a) => <Time at={a.created} />, raw: (a) => a.created },
		{ name: "Changed", cell: (a) => <Time at={a.changed} />, raw: (a) => a.changed },
		...(may ? [{ name: "Do", cell: (a: Account) => a.name === session.account ? <span class="small">you</span>
			: <button type="button" onClick={() => ask(a)}>{a.state === "enabled" ? "Disable" : "Enable"}<span class="sr"> {a.name}</span></button>, raw: () => "" }] : []),
	];
	const verb = asking?.state === "enabled" ? "Disable" : "Enable";
	return (
		<>
			<Title>People</Title>
			{error && <p class="notice bad" role="alert">{error}</p>}
			{asking && <Ask title={`${verb} ${asking.name}`} text={verb === "Disable" ? "Their sessions end at once. What they did stays recorded under their name." : "They can sign in again with their password."}
				action={verb} reason={false} danger={verb === "Disable"} done={() => ask(null)}
				run={async (reason) => { await patch(`/accounts/${asking.name}`, { state: verb === "Disable" ? "disabled" : "enabled", reason }); next((t) => t + 1); }} />}
			<List path="/accounts" columns={columns} caption="Accounts" file="accounts" rowKey={(a) => a.name} kinds={[]} turn={turn} empty={<p>No account.</p>} />
			{may && <Card title="New account" id="new"><NewAccount made={() => next((t) => t + 1)} /></Card>}
			<Card title="What roles may do" id="roles">
				<Facts rows={roles.map(([, n, text]) => [n, text])} />
			</Card>
		</>
	);
}
