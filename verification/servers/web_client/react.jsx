// A page of React that has the seat map while it has a trip.
import { createRoot } from "react-dom/client";

function Page({ trip, from, to, party, holdToken, choosesJourney, messages, isObjectSelectable, token, heard }) {
  return (
    <main>
      {trip && (
        <travio-seat-map
          trip={trip}
          user="ann"
          from={from}
          to={to}
          partySize={party}
          holdToken={holdToken}
          chooseJourney={choosesJourney}
          messages={messages}
          isObjectSelectable={isObjectSelectable}
          token={token}
          onobjectselected={({ detail }) => heard("objectselected", detail.label)}
          onholdsucceeded={({ detail }) => heard("holdsucceeded", detail.holdToken)}
        >
          <p>Party of {party}</p>
        </travio-seat-map>
      )}
    </main>
  );
}

/** What shows the page with such properties. */
export const inReact = (place) => {
  const root = createRoot(place);
  return (given) => root.render(<Page {...given} />);
};
