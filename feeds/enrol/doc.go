// Package enrol carries an enrolment from the member's side to the hub: Handler is
// the hub's end, one resource for a server that bounds who may ask how much; Redeem
// is the member's. The private key is made by Redeem and is in what it returns, and
// in nothing that it sends.
package enrol
