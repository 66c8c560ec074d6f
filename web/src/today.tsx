/* Today: are we safe, and what is to be done. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { useData } from "./api";
import type { Hour, Page, Source, Summary } from "./api";
import { HourChart } from "./charts";
import { bytes, count, plural, when } from "./format";
import { Card, Empty, Failed, Severity, Time, Title, Waiting, State } from "./ui";

const percent = (part: number, whole: number): string => (whole === 0 ? "0 %" : `${(100 * part / whole).toFixed(part === 0 || part === whole ? 0 : 1)} %`);

function verdict(s: Summary): [string, string, string] {
	const bad = (s.open.critical ?? 0) + (s.open.high ?? 0);
	if (s.packets === 0 && s.devices === 0) return ["wait", "Nothing has been seen yet", "Give Hemostat traffic to look at; see below."];
	if (bad > 0) return ["bad", `${plural(bad, "finding")} ${bad === 1 ? "needs" : "need"} you today`, "The list below says what to do, the worst first."];
	if (s.findings > 0) return ["some", `${plural(s.findings, "finding")} to look at, none urgent`, "Work through the list when you have time."];
	return ["good", "Nothing needs you today", "Hemostat keeps watching."];
}

function Tile({ value, name, note, href, tone }: { value: string; name: string; note: string; href: string; tone?: string }): JSX.Element {
	return (
		<li>
			<a class={"tile " + (tone ?? "")} href={href}>
				<span class="value">{value}</span>
				<span class="name">{name}</span>
				<span class="note">{note}</span>
			</a>
		</li>
	);
}

function Tiles({ s }: { s: Summary }): JSX.Element {
	const bad = (s.open.critical ?? 0) + (s.open.high ?? 0);
	return (
		<ul class="tiles" aria-label="Five numbers">
			<Tile value={count(s.findings)} name="Open findings" note={bad > 0 ? `${count(bad)} high or critical` : "none high or critical"} href="#/findings" tone={bad > 0 ? "bad" : "good"} />
			<Tile value={count(s.devices)} name="Devices" note={s.staged > 0 ? `${count(s.staged)} wait for approval` : "all judged"} href={s.staged > 0 ? "#/devices?state=staged" : "#/devices"} />
			<Tile value={count(s.messages)} name="Clinical messages" note={s.past ? `in the day up to ${when(s.to)}` : "in the last 24 hours"} href="#/traffic" />
			<Tile value={`${count(s.clear_links)} of ${count(s.clinical_links)}`} name="Clinical links in clear text" note="anybody on the way can read them" href="#/map" tone={s.clear_links > 0 ? "some" : "good"} />
			<Tile value={percent(s.dropped, s.packets + s.dropped)} name="Packets lost" note={`of ${count(s.packets + s.dropped)} offered`} href="#/settings" tone={s.dropped > 0 ? "bad" : "good"} />
		</ul>
	);
}

const FIRST = 6; /* what a person can take in; the rest is one click away */

function Work({ s }: { s: Summary }): JSX.Element {
	const [all, setAll] = useState(false);
	if (s.work.length === 0 && s.staged === 0)
		return <Empty><p>The list is empty.</p><p>What needs a decision will appear here, in plain words.</p></Empty>;
	const shown = all ? s.work : s.work.slice(0, FIRST);
	return (
		<>
		<ol class="work">
			{shown.map((w) => (
				<li key={w.detector}>
					<Severity of={w.severity} />
					<div>
						<h3><a href={w.findings === 1 ? `#/findings/${w.first}` : `#/findings?detector=${w.detector}`}>{w.meaning.charAt(0).toUpperCase() + w.meaning.slice(1)}</a></h3>
						<p>{w.todo}</p>
						<p class="small">{plural(w.findings, "finding")}{w.devices > 0 && `, ${plural(w.devices, "device")}`}</p>
					</div>
				</li>
			))}
			{s.staged > 0 && (
				<li>
					<State of="staged" />
					<div>
						<h3><a href="#/devices?state=staged">{plural(s.staged, "device")} {s.staged === 1 ? "waits" : "wait"} for a decision</a></h3>
						<p>Approve what belongs to the laboratory, block what does not.</p>
					</div>
				</li>
			)}
		</ol>
		{s.work.length > FIRST && <p class="more"><button type="button" aria-expanded={all} onClick={() => setAll(!all)}>{all ? "Show the most urgent only" : `Show ${plural(s.work.length - FIRST, "more kind")} of finding`}</button></p>}
		</>
	);
}

export function Sources({ rows }: { rows: Source[] }): JSX.Element {
	if (rows.length === 0)
		return (
			<Empty>
				<p>No capture yet.</p>
				<p>Connect a mirror port and start <code>hemostat run</code>, or read a file: <code>hemostat watch -r FILE</code>. To see what this shows: <code>hemostat demo --serve</code></p>
			</Empty>
		);
	return (
		<ul class="sources">
			{rows.map((r) => (
				<li key={r.number}>
					<span class={"dot " + (r.ended === null ? "good" : "off")} aria-hidden="true" />
					<div>
						<b>{r.name}</b> <span class="small">{r.kind === "file" ? (r.ended === null ? "being read" : "file, read to its end") : r.ended === null ? "running" : "stopped"}</span>
						<p class="small">{count(r.packets)} packets, {bytes(r.bytes)}, {r.dropped === 0 ? "none lost" : <strong>{count(r.dropped)} lost</strong>}; since <Time at={r.started} /></p>
					</div>
				</li>
			))}
		</ul>
	);
}

export function Today({ theme }: { theme: string }): JSX.Element {
	const { data: s, error, again } = useData<Summary>("/summary", ["progress"]);
	const hours = useData<Page<Hour>>(s ? `/hours?kind=message&since=${s.from}&until=${s.to}` : null);
	const sources = useData<Page<Source>>("/sources?limit=20", ["capture", "process"]);
	if (error) return <><Title>Today</Title><Failed error={error} again={again} /></>;
	if (!s) return <><Title>Today</Title><Waiting /></>;
	const [tone, head, text] = verdict(s);
	return (
		<>
			<Title aside={s.last_packet && <>last traffic <Time at={s.last_packet} /></>}>Today</Title>
			<div class={"verdict " + tone} role="status"><strong>{head}</strong> <span>{text}</span></div>
			<Tiles s={s} />
			<div class="columns">
				<Card title="To do" id="todo"><Work s={s} /></Card>
				<div>
					<Card title="Clinical messages by hour" id="hours" more={s.past && <span class="small">day up to {when(s.to)}</span>}>
						{hours.data ? <HourChart hours={hours.data.items} from={s.from} to={s.to} theme={theme} /> : <Waiting />}
					</Card>
					<Card title="Sensors" id="sensors">{sources.data ? <Sources rows={sources.data.items} /> : <Waiting />}</Card>
				</div>
			</div>
		</>
	);
}
