// What the console shows of the appointment that a consultation is.

export interface AppointmentFacts {
  when: string;
  service: string;
  topic?: string;
  /** Absent: not this person's section, or deleted already. */
  name?: string;
}

export async function readAppointment(id: string, signal: AbortSignal): Promise<AppointmentFacts> {
  const answer = await fetch(`/api/appointments/${encodeURIComponent(id)}`, { signal });
  if (!answer.ok) throw new Error(`appointment: ${answer.status}`);
  return (await answer.json()) as AppointmentFacts;
}
