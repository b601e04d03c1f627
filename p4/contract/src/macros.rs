/// Declares one table: its key, its actions, and their P4Runtime form. Field and parameter IDs count from 1 in the
/// order of the declaration, as in the p4info (a test compares them).
macro_rules! table {
    (
        $(#[$doc:meta])*
        $table:ident = $id:ident, $name:literal;
        key $key:ident { $($(#[$kdoc:meta])* $field:ident: $fty:ty),* $(,)? }
        action $action:ident { $($(#[$adoc:meta])* $variant:ident = $aid:ident { $($(#[$pdoc:meta])* $param:ident: $pty:ty),* $(,)? }),+ $(,)? }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $table {}

        #[doc = concat!("What `", $name, "` matches.")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $key { $($(#[$kdoc])* pub $field: $fty),* }

        #[doc = concat!("What `", $name, "` does.")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $action { $($(#[$adoc])* $variant { $($(#[$pdoc])* $param: $pty),* }),+ }

        impl $crate::TableSchema for $table {
            const ID: u32 = $crate::ids::$id;
            const NAME: &'static str = $name;
            const FIELDS: &'static [$crate::FieldSchema] = &[$($crate::FieldSchema {
                name: stringify!($field),
                bits: <$fty as $crate::MatchField>::WIDTH,
                match_type: <$fty as $crate::MatchField>::MATCH_TYPE,
            }),*];
            const ACTIONS: &'static [$crate::ActionSchema] = &[$($crate::ActionSchema {
                id: $crate::ids::$aid,
                name: stringify!($variant),
                params: &[$((stringify!($param), <$pty as $crate::ParamField>::BITS)),*],
            }),+];
            type Key = $key;
            type Action = $action;

            #[allow(unused_variables, unused_mut, unused_assignments)]
            fn put_key(key: &$key) -> Vec<p4runtime::v1::FieldMatch> {
                let mut fields = Vec::new();
                let mut id = 0;
                $(id += 1; $crate::MatchField::put(&key.$field, id, &mut fields);)*
                fields
            }

            #[allow(unused_variables, unused_mut, unused_assignments)]
            fn take_key(fields: &[p4runtime::v1::FieldMatch]) -> Result<$key, $crate::EntryError> {
                let mut id = 0;
                $(
                    id += 1;
                    let field = $crate::schema::find_field($name, fields, id)?;
                    let $field = <$fty as $crate::MatchField>::take($name, stringify!($field), field)?;
                )*
                $crate::schema::check_fields($name, fields, Self::FIELDS.len())?;
                Ok($key { $($field),* })
            }

            #[allow(unused_variables, unused_mut)]
            fn put_action(action: &$action) -> p4runtime::v1::Action {
                match action {
                    $($action::$variant { $($param),* } => {
                        let mut params = Vec::new();
                        $($crate::schema::put_param(&mut params, $param);)*
                        p4runtime::v1::Action { action_id: $crate::ids::$aid, params }
                    })+
                }
            }

            #[allow(unused_variables, unused_mut, unused_assignments)]
            fn take_action(action: &p4runtime::v1::Action) -> Result<$action, $crate::EntryError> {
                match action.action_id {
                    $($crate::ids::$aid => {
                        let mut id = 0;
                        $(
                            id += 1;
                            let $param =
                                $crate::schema::take_param::<$pty>($name, stringify!($variant), stringify!($param), &action.params, id)?;
                        )*
                        $crate::schema::check_params($name, stringify!($variant), &action.params, id)?;
                        Ok($action::$variant { $($param),* })
                    })+
                    id => Err($crate::EntryError::UnknownAction { table: $name, id }),
                }
            }
        }

        impl $crate::wire::WireTable for $table {
            #[allow(unused_variables, unused_mut, unused_assignments)]
            #[inline]
            fn put_wire_key(key: &$key, out: &mut Vec<u8>) {
                let mut id = 0;
                $(id += 1; $crate::wire::PutField::put_match(&key.$field, id, out);)*
            }

            #[allow(unused_variables, unused_mut, unused_assignments)]
            #[inline]
            fn take_wire_key(bytes: &mut $crate::wire::Bytes<'_>) -> Option<$key> {
                let mut id = 0;
                $(id += 1; let $field = <$fty as $crate::wire::TakeField>::take_match(id, bytes)?;)*
                Some($key { $($field),* })
            }

            #[allow(unused_variables, unused_mut, unused_assignments)]
            #[inline]
            fn put_wire_action(action: &$action, out: &mut Vec<u8>) {
                match action {
                    $($action::$variant { $($param),* } => {
                        $crate::wire::action_id($crate::ids::$aid, out);
                        let mut id = 0;
                        $(id += 1; $crate::wire::param($param, id, out);)*
                    })+
                }
            }

            #[allow(unused_variables, unused_mut, unused_assignments)]
            #[inline]
            fn take_wire_action(bytes: &mut $crate::wire::Bytes<'_>) -> Option<$action> {
                match bytes.action_id()? {
                    $($crate::ids::$aid => {
                        let mut id = 0;
                        $(id += 1; let $param = bytes.param::<$pty>(id)?;)*
                        Some($action::$variant { $($param),* })
                    })+
                    _ => None,
                }
            }
        }
    };
}

pub(crate) use table;
