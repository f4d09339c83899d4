"""The pages: HTML for people, by the API's own store and rules. What they change, they send to the API."""
