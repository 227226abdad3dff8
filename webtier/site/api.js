// SPDX-License-Identifier: BSD-3-Clause
// Talks to the app tier, as the owner whose key this browser keeps.

export const LINKS = "/api/links";

const STORE = "weir-key";
const TRIES = 4; // Of a request that the server asks to repeat.

// What the server said no to, in its words.
export class Refusal extends Error {
	constructor(message, status) {
		super(message);
		this.status = status;
	}
}

export function wait(seconds) {
	return new Promise((done) => setTimeout(done, seconds * 1000));
}

export const key = {
	get: () => localStorage.getItem(STORE),
	set: (value) => localStorage.setItem(STORE, value),
	forget: () => localStorage.removeItem(STORE),
	isOne: (text) => /^[0-9a-f]{64}$/.test(text),
};

// Repeats what the server could not do for the moment (502, 503), which is safe: reads and changes can
// be repeated, and creating carries a key by which the server knows a repeated request.
async function request(path, options) {
	const headers = { ...options.headers };
	if (key.get()) {
		headers.Authorization = `Bearer ${key.get()}`;
	}
	for (let attempt = 1; ; attempt++) {
		let response;
		try {
			response = await fetch(path, { cache: "no-store", ...options, headers });
		} catch {
			response = null;
		}
		if (response?.ok) {
			return response;
		}
		if (response && response.status !== 503 && response.status !== 502) {
			const body = await response.json().catch(() => ({}));
			throw new Refusal(body.error ?? `The server answered ${response.status}.`,
				response.status);
		}
		if (attempt === TRIES) {
			throw new Refusal(response
				? "The server cannot do this now. Please try again in a moment."
				: "The server cannot be reached. Please check your connection.",
			response?.status ?? 0);
		}
		await wait(Number(response?.headers.get("Retry-After")) || 1);
	}
}

function newRequestKey() {
	const bytes = crypto.getRandomValues(new Uint8Array(16));
	return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function json(path, options = {}) {
	return (await request(path, options)).json();
}

function send(method, path, members, headers = {}) {
	return json(path, {
		method,
		headers: { "Content-Type": "application/json", ...headers },
		body: JSON.stringify(members),
	});
}

// Gets a key before the first link is made.
export async function becomeOwner() {
	if (!key.get()) {
		key.set((await json("/api/owners", { method: "POST" })).token);
	}
}

export const createLink = (members) =>
	send("POST", LINKS, members, { "Idempotency-Key": newRequestKey() });

export const changeLink = (code, members) => send("PATCH", `${LINKS}/${code}`, members);

export const deleteLink = (code) => request(`${LINKS}/${code}`, { method: "DELETE" });

export const listLinks = (query) => json(`${LINKS}?${new URLSearchParams(query)}`);

export const getLink = (code) => json(`${LINKS}/${code}`);

export const getDays = (code) => json(`${LINKS}/${code}/days`);

export const exportLinks = async () => (await request(`${LINKS}.csv`, {})).blob();
