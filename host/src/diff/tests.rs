use super::*;
use crate::contract::actions::{Contact, Deal, Note, Object, PropertyValue, WritePolicy};

fn property(text: &str) -> Property {
    let (name, value) = text.split_once('=').unwrap();
    let (value, policy) = match value.split_once('!') {
        Some((value, "create")) => (value, WritePolicy::OnCreate),
        _ => (value, WritePolicy::Always),
    };
    Property { name: name.to_owned(), value: value.to_owned(), policy }
}

fn properties(texts: &[&str]) -> Vec<Property> {
    texts.iter().map(|text| property(text)).collect()
}

fn unique(value: &str) -> PropertyValue {
    PropertyValue { name: "leadline_key".to_owned(), value: value.to_owned() }
}

fn contact(email: &str, texts: &[&str]) -> Action {
    Action::UpsertContact(Contact { key: MatchKey::Email(email.to_owned()), properties: properties(texts) })
}

fn deal(key: &str, stage: &str, texts: &[&str]) -> Action {
    Action::UpsertDeal(Deal {
        key: unique(key),
        name: "Civic".to_owned(),
        pipeline: "cars".to_owned(),
        stage: stage.to_owned(),
        properties: properties(texts),
        contacts: vec![0],
    })
}

fn note(body: &str, about: &[u32]) -> Action {
    Action::AddNote(Note { body: body.to_owned(), at: 1_795_420_800_000, about: about.to_vec() })
}

fn object(kind: &str, key: &str) -> Action {
    Action::UpsertObject(Object {
        object_type: kind.to_owned(),
        key: MatchKey::Unique(unique(key)),
        properties: vec![],
        associated_with: vec![0],
    })
}

#[test]
fn differences_are_told_by_action_and_property() {
    let ana = || contact("ana@example.com", &["firstname=Ana", "phone=1"]);
    let rows: Vec<(&str, Vec<Action>, Vec<Action>, &str)> = vec![
        ("nothing", vec![ana(), note("hi", &[0])], vec![ana(), note("hi", &[0])], ""),
        (
            "a value",
            vec![ana()],
            vec![contact("ana@example.com", &["firstname=Anna", "phone=1"])],
            "  contact\n    - firstname                Ana\n    + firstname                Anna\n",
        ),
        (
            "a property more, and one less",
            vec![ana()],
            vec![contact("ana@example.com", &["firstname=Ana", "city=Oslo"])],
            "  contact\n    - phone                    1\n    + city                     Oslo\n",
        ),
        (
            "a policy",
            vec![ana()],
            vec![contact("ana@example.com", &["firstname=Ana!create", "phone=1"])],
            "  contact\n    - policy of firstname      always\n    + policy of firstname      on-create\n",
        ),
        (
            "the order of properties",
            vec![ana()],
            vec![contact("ana@example.com", &["phone=1", "firstname=Ana"])],
            "  contact\n    - order                    firstname, phone\n    + order                    phone, firstname\n",
        ),
        (
            "the key",
            vec![ana()],
            vec![contact("anna@example.com", &["firstname=Ana", "phone=1"])],
            "  contact\n    - key                      e-mail ana@example.com\n    + key                      e-mail anna@example.com\n",
        ),
        (
            "a deal more, in front of the note that is about both",
            vec![ana(), note("hi", &[0])],
            vec![ana(), deal("d1", "new", &["amount=5"]), note("hi", &[0, 1])],
            "  note\n    - about                    contact\n    + about                    contact, deal\n\
             + deal by leadline_key d1\n    + name                     Civic\n    + pipeline                 cars\n    \
             + stage                    new\n    + of                       contact\n    + amount                   5\n",
        ),
        (
            "a note that moves on because something came before it",
            vec![ana(), note("hi", &[0])],
            vec![ana(), object("2-7", "x"), note("hi", &[0])],
            "+ object 2-7 by leadline_key x\n    + of                       contact\n",
        ),
        (
            "a note less, of two",
            vec![ana(), note("one", &[0]), note("two", &[0])],
            vec![ana(), note("two", &[0])],
            "- note 1\n    - body                     one\n    - at                       2026-11-23T08:00:00Z\n    \
             - about                    contact\n",
        ),
        (
            "one line of a long text",
            vec![ana(), note("a\nb\nc\nd", &[0])],
            vec![ana(), note("a\nb\nX\nd", &[0])],
            "  note\n    - body                     c\n    + body                     X\n",
        ),
        (
            "the order of actions",
            vec![ana(), note("one", &[0]), note("two", &[0])],
            vec![ana(), note("two", &[0]), note("one", &[0])],
            "  actions\n    - order                    contact, note 1, note 2\n    \
             + order                    contact, note 2, note 1\n",
        ),
        (
            "an object of another type",
            vec![ana(), object("2-7", "x")],
            vec![ana(), object("2-8", "x")],
            "- object 2-7 by leadline_key x\n    - of                       contact\n\
             + object 2-8 by leadline_key x\n    + of                       contact\n",
        ),
        (
            "a blank at the end",
            vec![ana()],
            vec![contact("ana@example.com", &["firstname=Ana ", "phone="])],
            "  contact\n    - firstname                Ana\n    + firstname                \"Ana \"\n    \
             - phone                    1\n    + phone                    \"\"\n",
        ),
    ];
    for (what, before, after, expected) in rows {
        assert_eq!(text(&differences(&before, &after)), expected, "{what}");
        assert_eq!(differences(&before, &after).is_empty(), before == after, "{what}");
        let back = differences(&after, &before);
        assert_eq!(back.len(), differences(&before, &after).len(), "{what}, backwards: {back:?}");
    }
}

#[test]
fn no_difference_is_overlooked() {
    let full = || vec![contact("a@example.com", &["x=1", "y=2!create"]), deal("d", "s", &["z=3"]), note("n", &[0, 1])];
    type Touch = fn(&mut Vec<Action>);
    let touches: [(&str, Touch); 13] = [
        ("key", |actions| actions[0] = contact("b@example.com", &["x=1", "y=2!create"])),
        ("key of another kind", |actions| match &mut actions[0] {
            Action::UpsertContact(contact) => {
                contact.key = MatchKey::Unique(PropertyValue { name: "email".into(), value: "a@example.com".into() });
            }
            _ => unreachable!(),
        }),
        ("value", |actions| actions[0] = contact("a@example.com", &["x=2", "y=2!create"])),
        ("policy", |actions| actions[0] = contact("a@example.com", &["x=1", "y=2"])),
        ("property twice", |actions| actions[0] = contact("a@example.com", &["x=1", "y=2!create", "x=1"])),
        ("deal key", |actions| actions[1] = deal("e", "s", &["z=3"])),
        ("stage", |actions| actions[1] = deal("d", "t", &["z=3"])),
        ("body", |actions| actions[2] = note("m", &[0, 1])),
        ("about", |actions| actions[2] = note("n", &[1, 0])),
        ("about what is not there", |actions| actions[2] = note("n", &[0, 7])),
        ("a copy", |actions| actions.push(note("n", &[0, 1]))),
        ("one less", |actions| drop(actions.pop())),
        ("order", |actions| actions.swap(0, 1)),
    ];
    for (what, touch) in touches {
        let mut touched = full();
        touch(&mut touched);
        assert_ne!(touched, full(), "{what}");
        for (before, after) in [(full(), touched.clone()), (touched, full())] {
            assert!(!differences(&before, &after).is_empty(), "{what}");
        }
    }
    assert_eq!(differences(&full(), &full()), vec![]);
    assert_eq!(differences(&[], &[]), vec![]);
}

#[test]
fn a_long_value_is_shown_around_the_place_where_it_differs() {
    let value = |word: &str| format!("note={}{word}{}", "before ".repeat(30), " behind".repeat(30));
    let [before, after] = ["cat", "dog"].map(|word| vec![contact("a@example.com", &[&value(word)])]);
    let shown = text(&differences(&before, &after));
    assert!(shown.contains("before cat behind") && shown.contains("before dog behind"), "{shown}");
    assert!(shown.lines().all(|line| line.chars().count() < 200), "{shown}");
}
