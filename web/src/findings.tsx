/* Findings: what is wrong, why it matters, what to do; closed with a reason. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { patch, query, useData } from "./api";
import type { Finding } from "./api";
import { count, detectorName } from "./format";
import { List } from "./table";
import type { Column } from "./table";
import { Ask, Card, Choice, Facts, Failed, Severity, State, Time, Title, Waiting, useFilters } from "./ui";

const columns: Column<Finding>[] = [
	{ name: "Severity", cell: (f) => <Severity of={f.severity} />, raw: (f) => f.severity },
	{ name: "What happened", main: true, cell: (f) => <a href={`#/findings/${f.id}`}>{f.text}</a>, raw: (f) => f.text },
	{ name: "Kind", cell: (f) => detectorName(f.detector), raw: (f) => f.detector },
	{ name: "Device", cell: (f) => f.device ? <a href={`#/devices/${f.device}`}>{f.ip ?? f.device}</a> : f.ip ?? "", raw: (f) => f.ip ?? f.device },
	{ name: "Times", number: true, cell: (f) => count(f.count), raw: (f) => f.count },
	{ name: "State", cell: (f) => <State of={f.state} />, raw: (f) => f.state },
	{ name: "Last", cell: (f) => <Time at={f.last_seen} />, raw: (f) => f.last_seen },
];

export function Findings(): JSX.Element {
	const [f, set] = useFilters({ state: "open", severity: "", detector: "" });
	return (
		<>
			<Title>Findings</Title>
			<List path={"/findings" + query(f)} columns={columns} caption="Findings, worst first" file="findings" rowKey={(x) => x.id} kinds={["finding"]}
				filters={<>
					<Choice label="State" value={f.state} set={(v) => set("state", v)} options={[["open", "Open"], ["closed", "Closed"], ["accepted", "Accepted"], ["", "All"]]} />
					<Choice label="At least" value={f.severity} set={(v) => set("severity", v)} options={[["", "Any severity"], ["low", "Low"], ["medium", "Medium"], ["high", "High"], ["critical", "Critical"]]} />
					{f.detector && <button type="button" onClick={() => set("detector", "")}>Only: {detectorName(f.detector)} ✕</button>}
				</>}
				empty={<><p>{f.state === "open" ? "Nothing is open." : "No finding fits these filters."}</p><p>Hemostat holds every packet against its detectors; what needs judgement appears here.</p></>} />
		</>
	);
}

export function FindingPage({ id, may }: { id: string; may: string[] }): JSX.Element {
	const { data: f, error, again } = useData<Finding>(`/findings/${id}`, ["finding"]);
	const [asking, ask] = useState("");
	if (error) return <><Title>Finding {id}</Title><Failed error={error} again={again} /></>;
	if (!f) return <><Title>Finding {id}</Title><Waiting /></>;
	const words: Record<string, [string, string]> = {
		closed: ["Close", "It is seen to. It comes back by itself if it happens again."],
		accepted: ["Accept", "It stays, is counted, and is not told again. Say who decided and why."],
		open: ["Open again", "It needs judgement after all."],
	};
	return (
		<>
			<p class="crumb"><a href="#/findings">Findings</a></p>
			<Title aside={<><Severity of={f.severity} /> <State of={f.state} /></>}>{f.meaning.charAt(0).toUpperCase() + f.meaning.slice(1)}</Title>
			<p class="lead">{f.text}</p>
			{may.includes("findings") && (
				<div class="toolbar">
					{f.state === "open"
						? <><button type="button" class="primary" onClick={() => ask("closed")}>Close</button><button type="button" onClick={() => ask("accepted")}>Accept</button></>
						: <button type="button" onClick={() => ask("open")}>Open again</button>}
				</div>
			)}
			{asking && <Ask title={`${words[asking]![0]} finding ${f.id}`} text={words[asking]![1]} action={words[asking]![0]} reason
				done={() => ask("")} run={async (reason) => { await patch(`/findings/${id}`, { state: asking, reason }); again(); }} />}
			<div class="columns">
				<div>
					<Card title="Why it matters" id="why"><p>{f.why}</p></Card>
					<Card title="What to do" id="todo"><p>{f.todo}</p></Card>
				</div>
				<Card title="Facts" id="facts">
					<Facts rows={[
						["Device", f.device ? <a href={`#/devices/${f.device}`}>{f.ip ?? `device ${f.device}`}</a> : f.ip ?? ""],
						["With", f.peer ?? ""], ["Seen", `${count(f.count)} ${f.count === 1 ? "time" : "times"}`],
						["First", <Time at={f.first_seen} long />], ["Last", <Time at={f.last_seen} long />],
						["Detector", <span class="mono">{f.detector}</span>], ["Technique", `${f.technique} (ATT&CK for ICS)`],
						["Evidence", <>capture {f.evidence.source}, packet {count(f.evidence.packet)}{f.evidence.offset !== undefined && <>, byte {count(f.evidence.offset)} of what the {f.evidence.dir} sent</>}</>],
						["On the command line", <code>hemostat finding show {f.id}</code>],
					]} />
				</Card>
			</div>
		</>
	);
}
