import type { SuiteName } from "./corpus.ts";

/**
 * What a gateway is told of a tool's arguments. An argument is pinned where it says where, or to whom:
 * an element of it is an access of the call. What is said there, how much and when is left open. An
 * argument that is named nowhere is refused.
 */
export interface ToolMapping {
  readonly pinned: readonly PinnedArgument[];
  readonly open: readonly string[];
}

export type PinnedArgument =
  | {
      readonly as: "resource";
      readonly argument: string;
      /** The argument holds objects, and this member of each is meant. */
      readonly member?: string;
      readonly type: string;
      /** The argument is a time, and its day is meant. */
      readonly isTime: boolean;
      readonly isOptional: boolean;
    }
  /** The delegation's condition on the tool names the value. */
  | { readonly as: "condition"; readonly argument: string };

const account = resource("account", "recipient");
const channel = resource("channel", "channel");
const hotels = tool([resource("hotel", "hotel_names")]);
const restaurants = tool([resource("restaurant", "restaurant_names")]);
const carRentals = tool([resource("car_rental", "company_name")]);
const inCity = tool([resource("city", "city")]);
const participants = resource("contact", "participants");
const sendEmail = tool(
  [
    resource("contact", "recipients"),
    optional(resource("contact", "cc")),
    optional(resource("contact", "bcc")),
    { ...optional(resource("file", "attachments")), member: "file_id" },
  ],
  ["subject", "body"],
);
// The day is the place in a calendar. Filters of a search only narrow it.
const calendar = {
  create_calendar_event: tool(
    [time("start_time"), time("end_time"), optional(participants)],
    ["title", "description", "location"],
  ),
  search_calendar_events: tool([], ["query", "date"]),
  get_day_calendar_events: tool([time("day")]),
  cancel_calendar_event: tool([resource("event", "event_id")]),
};

const mappings: Readonly<Record<SuiteName, Readonly<Record<string, ToolMapping>>>> = {
  banking: {
    get_iban: tool([]),
    send_money: tool([account], ["amount", "subject", "date"]),
    schedule_transaction: tool([account], ["amount", "subject", "date", "recurring"]),
    update_scheduled_transaction: tool(
      [resource("standing_order", "id"), optional(account)],
      ["amount", "subject", "date", "recurring"],
    ),
    get_balance: tool([]),
    get_most_recent_transactions: tool([], ["n"]),
    get_scheduled_transactions: tool([]),
    read_file: tool([resource("file", "file_path")]),
    get_user_info: tool([]),
    // It says neither where nor to whom, and a secret has no place in a stored tuple.
    update_password: tool([], ["password"]),
    update_user_info: tool([], ["first_name", "last_name", "street", "city"]),
  },
  slack: {
    get_channels: tool([]),
    add_user_to_channel: tool([resource("member", "user"), channel]),
    read_channel_messages: tool([channel]),
    read_inbox: tool([resource("member", "user")]),
    send_direct_message: tool([resource("member", "recipient")], ["body"]),
    send_channel_message: tool([channel], ["body"]),
    get_users_in_channel: tool([channel]),
    invite_user_to_slack: tool([resource("member", "user"), resource("contact", "user_email")]),
    remove_user_from_slack: tool([resource("member", "user")]),
    get_webpage: tool([resource("url", "url")]),
    post_webpage: tool([resource("url", "url")], ["content"]),
  },
  travel: {
    ...calendar,
    get_user_information: tool([]),
    get_all_hotels_in_city: inCity,
    get_hotels_prices: hotels,
    get_rating_reviews_for_hotels: hotels,
    get_hotels_address: tool([resource("hotel", "hotel_name")]),
    get_all_restaurants_in_city: inCity,
    get_cuisine_type_for_restaurants: restaurants,
    get_restaurants_address: restaurants,
    get_rating_reviews_for_restaurants: restaurants,
    get_dietary_restrictions_for_all_restaurants: restaurants,
    get_contact_information_for_restaurants: restaurants,
    get_price_for_restaurants: restaurants,
    check_restaurant_opening_hours: restaurants,
    get_all_car_rental_companies_in_city: inCity,
    get_car_types_available: carRentals,
    get_rating_reviews_for_car_rental: carRentals,
    get_car_fuel_options: carRentals,
    get_car_rental_address: carRentals,
    get_car_price_per_day: carRentals,
    reserve_hotel: tool([resource("hotel", "hotel")], ["start_day", "end_day"]),
    reserve_car_rental: tool([resource("car_rental", "company")], ["start_time", "end_time"]),
    reserve_restaurant: tool([resource("restaurant", "restaurant")], ["start_time"]),
    // Two cities are a direction, which a set of resources would lose.
    get_flight_information: tool([
      { as: "condition", argument: "departure_city" },
      { as: "condition", argument: "arrival_city" },
    ]),
    send_email: sendEmail,
  },
  workspace: {
    ...calendar,
    send_email: sendEmail,
    delete_email: tool([resource("email", "email_id")]),
    get_unread_emails: tool([]),
    get_sent_emails: tool([]),
    get_received_emails: tool([]),
    get_draft_emails: tool([]),
    search_emails: tool([], ["query", "sender"]),
    search_contacts_by_name: tool([], ["query"]),
    search_contacts_by_email: tool([], ["query"]),
    get_current_day: tool([]),
    reschedule_calendar_event: tool([
      resource("event", "event_id"),
      time("new_start_time"),
      optional(time("new_end_time")),
    ]),
    add_calendar_event_participants: tool([resource("event", "event_id"), participants]),
    append_to_file: tool([resource("file", "file_id")], ["content"]),
    search_files_by_filename: tool([resource("file", "filename")]),
    create_file: tool([resource("file", "filename")], ["content"]),
    delete_file: tool([resource("file", "file_id")]),
    get_file_by_id: tool([resource("file", "file_id")]),
    list_files: tool([]),
    share_file: tool([resource("file", "file_id"), resource("contact", "email")], ["permission"]),
    search_files: tool([], ["query"]),
  },
};

/** Fails on a tool that the table does not have: nothing is let through unmapped. */
export function mappingOf(suite: SuiteName, name: string): ToolMapping {
  const mapping = mappings[suite][name];
  if (mapping === undefined) throw new TypeError(`${suite} has no mapping for ${name}`);
  return mapping;
}

function tool(pinned: readonly PinnedArgument[], open: readonly string[] = []): ToolMapping {
  return { pinned, open };
}

function resource(type: string, argument: string): PinnedArgument & { readonly as: "resource" } {
  return { as: "resource", argument, type, isTime: false, isOptional: false };
}

function time(argument: string): PinnedArgument & { readonly as: "resource" } {
  return { ...resource("day", argument), isTime: true };
}

function optional<T extends PinnedArgument>(argument: T): T {
  return { ...argument, isOptional: true };
}
